from django.db import models


class Photo(models.Model):
    """A file in the media folder, and what the worker found out about it."""

    file = models.FileField(upload_to="photos")
    digest = models.CharField(max_length=64, blank=True)  # by the worker


class Round(models.Model):
    """One time that the schedule ran."""

    at = models.DateTimeField(auto_now_add=True)
