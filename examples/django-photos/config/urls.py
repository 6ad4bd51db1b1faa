from django.urls import path
from photos import views

urlpatterns = [
    path("", views.index),
    path("photos", views.add),
    path("photos/<int:number>", views.show),
]
