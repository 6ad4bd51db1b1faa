"""Public repositories that people push to platforms, and what a visitor should see of each; none of their code."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    path: str = "/"
    status: int = 200
    text: str = ""


@dataclass(frozen=True)
class Sample:
    repository: str
    """`owner/name` on GitHub."""
    commit: str
    what: str
    pages: tuple[Page, ...] = ()
    folder: str = "."
    """The part of the repository that is the app; deployed as a repository of its own."""
    diagnosis: str = ""
    """A regular expression: it cannot run, and Pullet has to say this."""

    @property
    def name(self) -> str:
        text = f"{self.repository.replace('/', '-')}" + ("" if self.folder == "." else f"-{self.folder.split('/')[-1]}")
        return re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-")


def _page(text: str = "", path: str = "/", status: int = 200) -> tuple[Page, ...]:
    return (Page(path, status, text),)


SAMPLES = (
    Sample("heroku/python-getting-started", "f7c8d992", "Django", _page("Getting Started")),
    Sample("digitalocean/sample-flask", "7d0906df", "Flask", _page("Flask")),
    Sample("Azure-Samples/msdocs-python-fastapi-webapp-quickstart", "2ecc964d", "FastAPI", _page("Hello Azure")),
    Sample("koyeb/example-django", "467addd0", "Django 4.2", _page("install worked")),
    Sample("Scalingo/sample-python-django", "9fd9ba54", "Django, PostgreSQL", _page("<title>")),
    Sample("streamlit/streamlit-example", "8bd2197e", "Streamlit", _page("Streamlit")),
    Sample("railwayapp-templates/django", "9c630a47", "Django, PostgreSQL", _page("install worked")),
    Sample("render-examples/celery", "ec6cac1e", "Flask, Celery, flower", _page()),
    Sample("platformsh-templates/django4", "8a381246", "Django", _page()),
    Sample(
        "Azure-Samples/msdocs-flask-postgresql-sample-app", "0f1e0bb1", "Flask, PostgreSQL", _page("Restaurant List")
    ),
    Sample("pallets/flask", "2ac89889", "Flask factory", _page("Flaskr"), folder="examples/tutorial"),
    Sample(
        "miguelgrinberg/microblog",
        "a975ef64",
        "Flask, rq",
        (Page("/", 302), Page("/auth/login", 200)),
    ),
    Sample(
        "Azure-Samples/msdocs-fastapi-postgresql-sample-app",
        "2f6a9b22",
        "FastAPI, PostgreSQL",
        _page("Restaurant List"),
    ),
    Sample("mjhea0/flaskr-tdd", "305122f4", "Flask, PostgreSQL", _page("Flaskr")),
    Sample("django-cms/django-cms-quickstart", "aa65b1d3", "Django CMS", _page("django CMS")),
    Sample("pallets/quart", "657bca72", "Quart", _page(), folder="examples/blog"),
    Sample("benbusby/whoogle-search", "13e52132", "Flask", _page("Whoogle")),
    Sample(
        "nickjj/docker-flask-example",
        "0f36a9d7",
        "Flask, Celery, assets",
        (Page("/up/databases"), Page("/")),
    ),
    Sample("adeyosemanputra/pygoat", "19d17cc8", "Django", _page(status=302)),
    Sample("plotly/dash-oil-and-gas-demo", "b86cfea9", "Dash", diagnosis=r"index"),
    Sample("digitalocean/sample-monorepo", "cdd4472e", "Go and static", diagnosis=r"no web app|Nothing to run|Python"),
    Sample("gothinkster/flask-realworld-example-app", "4b95fb22", "Flask", diagnosis=r"3\.7|migrations"),
)
