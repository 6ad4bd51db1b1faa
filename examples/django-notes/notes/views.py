from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from notes.models import Note

TITLE = "Notes"


class NoteForm(forms.ModelForm):
    class Meta:
        model = Note
        fields = ["text"]
        widgets = {"text": forms.TextInput(attrs={"placeholder": "What is worth keeping?", "autofocus": True})}


@require_http_methods(["GET", "HEAD", "POST"])
def index(request):
    form = NoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("index")
    return render(request, "notes/index.html", {"title": TITLE, "form": form, "notes": Note.objects.all()[:50]})


@require_safe
def health(request):
    return HttpResponse("ok", content_type="text/plain")
