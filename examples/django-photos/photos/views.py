from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from photos.models import Photo, Round
from photos.tasks import look_at


def index(request: HttpRequest) -> HttpResponse:
    """Counts of all that this app keeps."""
    files = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    return JsonResponse(
        {
            "photos": Photo.objects.count(),
            "looked_at": Photo.objects.exclude(digest="").count(),
            "files": len(files),
            "rounds": Round.objects.count(),
        }
    )


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    photo = Photo()
    photo.file.save("photo.bin", ContentFile(request.body))
    look_at.delay(photo.pk)
    return JsonResponse({"number": photo.pk}, status=201)


def show(request: HttpRequest, number: int) -> HttpResponse:
    return FileResponse(get_object_or_404(Photo, pk=number).file.open("rb"))
