"""Trouble while packages are fetched or built: indexes, build tools that moved on, headers that the box lacks."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pullet.analysis.diagnosis.reading import Failure
from pullet.domain.healing import NO_ASSETS, Change, ChangeKind, Diagnosis

_ASSETS = re.compile(
    r"^(The assets could not be built|Could not install the packages of package\.json)\b.*", re.MULTILINE
)
_UNREACHED = re.compile(
    r"(?:Failed to fetch:?|error sending request for url|HTTP status .{0,80} for url) \(?`?(https?://[^\s`)]+)"
)
_OVER_SSH = re.compile(r"(?:git\+)?ssh://[^\s`'\"]{1,200}")
_SSH_FAILED = re.compile(
    r"Permission denied|Host key verification failed|Could not resolve hostname|cannot run ssh|"
    r"Could not read from remote repository|Connection refused"
)
_OLD_TOOLS: tuple[tuple[str, str, str], ...] = (
    (r"cython_sources|Cython\.Compiler\.Errors\.CompileError", "cython<3", "it was written for Cython 0.29"),
    (r"has no attribute 'Feature'|cannot import name 'Feature'", "setuptools<46", "setuptools 46 took Feature away"),
    (r"use_2to3 is invalid", "setuptools<58", "setuptools 58 took use_2to3 away"),
    (r"cannot import name 'PackageFinder' from 'setuptools'", "setuptools<61", "it uses setuptools' inner parts"),
    (r"'(?:install_requires|extras_require)' must be a (?:string|dictionary).{0,300}?(?:Expected|Invalid)",
     "setuptools<66", "newer setuptools refuses its metadata"),
    (r"strip_trailing_zero", "setuptools<71", "setuptools 71 needs a newer packaging than it allows"),
    (r"setup\.cfg.{0,200}dash-separated|Invalid dash-separated key", "setuptools<78",
     "setuptools 78 refuses its setup.cfg"),
    (r"No module named 'pkg_resources'", "setuptools<81", "its setup.py imports pkg_resources, gone from setuptools"),
    (r"numpy\.core\.multiarray failed|numpy\.dtype size changed|module 'numpy' has no attribute", "numpy<2",
     "it was written for numpy 1"),
)  # fmt: skip
"""(pattern, constraint for what it is built with, why)."""
_SYSTEM: tuple[tuple[str, str, str], ...] = (
    (r"mysql_config(?::|\W).{0,40}not found|Can not find valid pkg-config name|mysqlclient.{0,200}pkg-config",
     "MySQL's client library", "default-libmysqlclient-dev"),
    (r"pg_config(?: executable|:)? (?:is required|not found)|libpq-fe\.h", "PostgreSQL's headers", "libpq-dev"),
    (r"libpq\.so", "PostgreSQL's client library", "libpq5"),
    (r"xml2-config|libxml/xmlversion\.h|libxml2 and libxslt development packages", "libxml2 and libxslt",
     "libxml2-dev libxslt1-dev"),
    (r"libxmlsec1|xmlsec1?\.h|Unable to find xmlsec", "xmlsec", "libxmlsec1-dev"),
    (r"gdal-config|Could not find the GDAL library|libgdal", "GDAL", "libgdal-dev gdal-bin"),
    (r"Could not find the GEOS library|geos_c", "GEOS", "libgeos-dev"),
    (r"failed to find libmagic|libmagic\.so", "libmagic", "libmagic1"),
    (r"ffi\.h: No such file", "libffi's headers", "libffi-dev"),
    (r"Python\.h: No such file", "Python's headers", "python3-dev"),
    (r"openssl/\w+\.h: No such file", "OpenSSL's headers", "libssl-dev"),
    (r"ldap\.h: No such file|lber\.h: No such file", "OpenLDAP's headers", "libldap2-dev libsasl2-dev"),
    (r"headers or library files could not be found for (?:jpeg|zlib)|jpeglib\.h", "libjpeg and zlib",
     "libjpeg-dev zlib1g-dev"),
    (r"cairo\.h: No such file|no library called \"?cairo|cannot load library '?libcairo", "Cairo", "libcairo2-dev"),
    (r"cannot load library '?(?:lib)?(?:pango|gobject)", "Pango", "libpango-1.0-0 libpangoft2-1.0-0"),
    (r"libGL\.so", "OpenGL", "libgl1"),
    (r"sql\.h: No such file|libodbc\.so", "unixODBC", "unixodbc-dev"),
    (r"libsndfile|sndfile library not found", "libsndfile", "libsndfile1"),
    (r"libzbar|Unable to find zbar", "zbar", "libzbar0"),
    (r"sasl/sasl\.h", "SASL's headers", "libsasl2-dev"),
    (r"libmemcached/memcached\.h", "libmemcached", "libmemcached-dev"),
    (r"can't find Rust compiler|No such file or directory: '(?:rustc|cargo)'", "a Rust compiler", "rustc cargo"),
    (r"(?:command '[^']{0,100}(?:gcc|cc|clang|g\+\+)[^']{0,100}' failed: No such file|unable to execute '[^']+'|"
     r"No such file or directory: '(?:gcc|cc|make|cmake)'|Unknown compiler)", "a compiler", "build-essential"),
)  # fmt: skip
"""(pattern, what it is, Debian's packages)."""
_SHARED_OBJECT = re.compile(r"(lib[\w.+-]{1,60}\.so[.\d]*): cannot open shared object file")


def assets(failure: Failure) -> Diagnosis | None:
    """Scripts for Node age faster than any Python, and what they make is often committed: better live without."""
    found = _ASSETS.search(failure.text)
    if found is None or failure.step != "build" or failure.facts.assets_needed:
        return None
    change = Change(ChangeKind.ASSETS, NO_ASSETS)
    return Diagnosis(found[0][:300].rstrip(".") + "; pages get what is committed", change)


def foreign_index(failure: Failure) -> Diagnosis | None:
    """An index that the repository names and that does not answer: nobody but its owner can say what to do."""
    found = _UNREACHED.search(failure.text)
    host = _host(found[1]) if found else ""
    index = next((each for each in failure.facts.indexes if host and _host(each) == host), None)
    if index is None:
        return None
    return Diagnosis(
        f"the package index {host}, which {failure.facts.file} names, cannot be reached from here",
        hint="If it is private, give its address and credentials to the daemon (UV_INDEX); if it is gone, take its "
        f"line out of {failure.facts.file}.",
    )


def git_over_ssh(failure: Failure) -> Diagnosis | None:
    found = _OVER_SSH.search(failure.text)
    if found is None or not _SSH_FAILED.search(failure.text):
        return None
    return Diagnosis(
        f"the dependency {found[0].split('@')[-1]} is fetched by git over ssh, and a build has no key",
        hint="Name it by https, or publish it to a package index.",
    )


def binary_twin(failure: Failure) -> Diagnosis | None:
    """psycopg2 from source, without headers: psycopg2-binary is the same code."""
    if failure.step != "build" or not re.search(r"pg_config|libpq-fe\.h", failure.text):
        return None
    if not re.search(r"Failed to (?:build|download and build) `?psycopg2(?!-binary)\b", failure.text):
        return None
    change = Change(ChangeKind.REPLACEMENT, "psycopg2 psycopg2-binary")
    return Diagnosis("psycopg2 is built from source and needs PostgreSQL's headers (on Debian: libpq-dev)", change)


def binary_extra(failure: Failure) -> Diagnosis | None:
    """psycopg 3 without libpq on the box: its own extra brings it."""
    if not re.search(r"no pq wrapper available|libpq library not found", failure.text):
        return None
    change = Change(ChangeKind.REQUIREMENT, "psycopg[binary]")
    return Diagnosis("psycopg needs PostgreSQL's client library (on Debian: libpq5) or its own binary extra", change)


def old_tools(failure: Failure) -> Diagnosis | None:
    found = re.search(r"(?:Failed to build|Failed to download and build) `?([^`\s]+)", failure.text)
    if found is None:
        return None
    for pattern, constraint, why in _OLD_TOOLS:
        if re.search(pattern, failure.text):
            return Diagnosis(
                f"{found[1]} does not build with today's tools: {why}", Change(ChangeKind.BUILD_CONSTRAINT, constraint)
            )
    return None


def system_library(failure: Failure) -> Diagnosis | None:
    for pattern, what, packages in _SYSTEM:
        if re.search(pattern, failure.text):
            return _needs(what, packages)
    shared = _SHARED_OBJECT.search(failure.text)
    if shared is None:
        return None
    return Diagnosis(
        f"the library {shared[1]} is missing on this box", hint=f"`apt-file search {shared[1]}` names its package."
    )


def _needs(what: str, packages: str) -> Diagnosis:
    return Diagnosis(
        f"a dependency needs {what}, which this box does not have (on Debian: {packages})",
        hint=f"apt-get install {packages}, or depend on a package that brings it along.",
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
