import hashlib

from celery import shared_task

from photos.models import Photo


@shared_task
def look_at(number: int) -> None:
    photo = Photo.objects.get(pk=number)
    with photo.file.open("rb") as file:
        photo.digest = hashlib.file_digest(file, "sha256").hexdigest()
    photo.save(update_fields=["digest"])
