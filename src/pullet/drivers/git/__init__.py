"""Git: polling, mirrors, safe check-outs, reading trees without a check-out."""
