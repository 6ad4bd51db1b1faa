"""Modules that run inside an app's interpreter, never in Pullet's: any Python from 3.8 on, standard library only.

FOLDER is put on the PYTHONPATH of the app. Python imports `sitecustomize` from there in every interpreter, and that the
hooks which $PULLET_HOOKS names; `pullet_settings` is named by DJANGO_SETTINGS_MODULE.
"""

from pathlib import Path

FOLDER = str(Path(__file__).parent)
HOOKS = "PULLET_HOOKS"
"""Variable: `pullet_ports`, `pullet_static` or both, with a space between."""
