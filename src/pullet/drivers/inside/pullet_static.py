"""Lets Django's collectstatic pass over references to files that are not there, where healing asked for it.

Storages that put a digest into names refuse a style sheet that refers to a missing file; a browser only does without
that file. Here such a reference stays as it is written. Django from 2.2 on.
"""

import sys

from pullet_imports import after_import  # type: ignore[import-not-found]


@after_import("django.contrib.staticfiles.storage")
def make_lenient(module):  # type: ignore[no-untyped-def]
    hashed_name = module.HashedFilesMixin.hashed_name

    def hashed_name_or_own(self, name, *args, **kwargs):  # type: ignore[no-untyped-def]
        try:
            return hashed_name(self, name, *args, **kwargs)
        except ValueError:
            sys.stderr.write(f"pullet: {name} is referred to and is not there\n")
            return name

    module.HashedFilesMixin.hashed_name = hashed_name_or_own
