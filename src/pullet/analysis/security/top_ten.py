"""Which CWEs belong to which category of the OWASP Top Ten, in 2021 and in 2025.

Facts from the lists of mapped CWEs at the end of each category's page (owasp.org/Top10), read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

NAMES_2021: Mapping[str, str] = {
    "A01": "Broken Access Control",
    "A02": "Cryptographic Failures",
    "A03": "Injection",
    "A04": "Insecure Design",
    "A05": "Security Misconfiguration",
    "A06": "Vulnerable and Outdated Components",
    "A07": "Identification and Authentication Failures",
    "A08": "Software and Data Integrity Failures",
    "A09": "Security Logging and Monitoring Failures",
    "A10": "Server-Side Request Forgery",
}
NAMES_2025: Mapping[str, str] = {
    "A01": "Broken Access Control",
    "A02": "Security Misconfiguration",
    "A03": "Software Supply Chain Failures",
    "A04": "Cryptographic Failures",
    "A05": "Injection",
    "A06": "Insecure Design",
    "A07": "Authentication Failures",
    "A08": "Software or Data Integrity Failures",
    "A09": "Security Logging and Alerting Failures",
    "A10": "Mishandling of Exceptional Conditions",
}
_2021 = {
    "A01": (
        "22 23 35 59 200 201 219 264 275 276 284 285 352 359 377 402 425 441 497 538 540 548 552 566 601 639 "
        "651 668 706 862 863 913 922 1275"
    ),
    "A02": (
        "259 261 296 310 319 321 322 323 324 325 326 327 328 329 330 331 335 336 337 338 340 347 523 720 757 "
        "759 760 780 818 916"
    ),
    "A03": (
        "20 74 75 77 78 79 80 83 87 88 89 90 91 93 94 95 96 97 98 99 100 113 116 138 184 470 471 564 610 643 "
        "644 652 917"
    ),
    "A04": (
        "73 183 209 213 235 256 257 266 269 280 311 312 313 316 419 430 434 444 451 472 501 522 525 539 579 "
        "598 602 642 646 650 653 656 657 799 807 840 841 927 1021 1173"
    ),
    "A05": "2 11 13 15 16 260 315 520 526 537 541 547 611 614 756 776 942 1004 1032 1174",
    "A06": "937 1035 1104",
    "A07": "255 259 287 288 290 294 295 297 300 302 304 306 307 346 384 521 613 620 640 798 940 1216",
    "A08": "345 353 426 494 502 565 784 829 830 915",
    "A09": "117 223 532 778",
    "A10": "918",
}
_2025 = {
    "A01": (
        "22 23 36 59 61 65 200 201 219 276 281 282 283 284 285 352 359 377 379 402 424 425 441 497 538 540 "
        "548 552 566 601 615 639 668 732 749 862 863 918 922 1275"
    ),
    "A02": "5 11 13 15 16 260 315 489 526 547 611 614 776 942 1004 1174",
    "A03": "447 1035 1104 1329 1357 1395",
    "A04": (
        "261 296 319 320 321 322 323 324 325 326 327 328 329 330 331 332 334 335 336 337 338 340 342 347 523 "
        "757 759 760 780 916 1240 1241"
    ),
    "A05": (
        "20 74 76 77 78 79 80 83 86 88 89 90 91 93 94 95 96 97 98 99 103 104 112 113 114 115 116 129 159 470 "
        "493 500 564 610 643 644 917"
    ),
    "A06": (
        "73 183 256 266 269 286 311 312 313 316 362 382 419 434 436 444 451 454 472 501 522 525 539 598 602 "
        "628 642 646 653 656 657 676 693 799 807 841 1021 1022 1125"
    ),
    "A07": (
        "258 259 287 288 289 290 291 293 294 295 297 298 299 300 302 303 304 305 306 307 308 309 346 350 384 "
        "521 613 620 640 798 940 941 1390 1391 1392 1393"
    ),
    "A08": "345 353 426 427 494 502 506 509 565 784 829 830 915 926",
    "A09": "117 221 223 532 778",
    "A10": "209 215 234 235 248 252 274 280 369 390 391 394 396 397 460 476 478 484 550 636 703 754 755 756",
}


def _by_cwe(categories: Mapping[str, str]) -> Mapping[int, str]:
    return {int(number): category for category, numbers in categories.items() for number in numbers.split()}


_BEFORE_2022 = {1395: 1035}
"""CWE -> what the list of 2021 has in its place, from before it had a number: known vulnerabilities of dependencies."""
TOP_TEN_2021 = _by_cwe(_2021)
"""CWE -> category, `A03`."""
TOP_TEN_2025 = _by_cwe(_2025)
"""CWE -> category, `A05`."""


def in_2021(cwe: int) -> int:
    """The number under which the list of 2021 has a CWE."""
    return _BEFORE_2022.get(cwe, cwe)
