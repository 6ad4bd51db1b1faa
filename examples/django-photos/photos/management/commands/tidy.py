from django.core.management.base import BaseCommand

from photos.models import Round


class Command(BaseCommand):
    help = "What has to be done once a minute."

    def handle(self, *args, **options):
        Round.objects.create()
        self.stdout.write(f"{Round.objects.count()} rounds")
