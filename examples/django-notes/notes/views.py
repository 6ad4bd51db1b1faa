from django.forms import ModelForm
from django.shortcuts import redirect, render

from notes.models import Note

GREETING = "Hello from Pullet"


class NoteForm(ModelForm):
    class Meta:
        model = Note
        fields = ["text"]


def notes(request):
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/")
    return render(request, "notes.html", {"greeting": GREETING, "form": form, "notes": Note.objects.all()[:50]})
