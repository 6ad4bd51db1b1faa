"""What a CWE stands for: its name, its place in the OWASP Top Ten, what ASVS 5.0 asks for, where to read on.

One table for all engines. Facts of our own choosing from cwe.mitre.org, the OWASP Top Ten, ASVS 5.0.0 and the Cheat
Sheet Series; a test fails for a CWE that an engine names and this table does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pullet.analysis.security.top_ten import NAMES_2021, NAMES_2025, TOP_TEN_2021, TOP_TEN_2025, in_2021

_SHEET = "https://cheatsheetseries.owasp.org/cheatsheets/{}_Cheat_Sheet.html"
_CWE = "https://cwe.mitre.org/data/definitions/{}.html"
_ASVS = "v5.0.0-{}"

# CWE | name | ASVS 5.0 requirements | cheat sheets
_TABLE = """\
16|Configuration|13.4.2|
20|Improper input validation|2.2.1|Input_Validation
22|Path traversal|5.3.2|File_Upload Input_Validation
73|External control of a file name or path|5.3.2|Input_Validation
77|Command injection|1.2.5|OS_Command_Injection_Defense
78|OS command injection|1.2.5|OS_Command_Injection_Defense
79|Cross-site scripting|1.2.1 1.3.1|Cross_Site_Scripting_Prevention
80|Basic cross-site scripting|1.2.1|Cross_Site_Scripting_Prevention
88|Argument injection|1.2.5|OS_Command_Injection_Defense
89|SQL injection|1.2.4|SQL_Injection_Prevention Query_Parameterization
90|LDAP injection|1.2.6|LDAP_Injection_Prevention
91|XML injection|1.2.1|XML_Security
93|CRLF injection|1.2.1|Injection_Prevention
94|Code injection|1.3.2|Injection_Prevention
95|Injection into code that is evaluated|1.3.2|Injection_Prevention
113|HTTP response splitting|1.2.1|Injection_Prevention
116|Improper encoding of output|1.2.1|Cross_Site_Scripting_Prevention
117|Improper neutralisation of output for logs|16.4.1|Logging
200|Exposure of sensitive information|14.2.6|Error_Handling
201|Sensitive information in sent data|14.2.6|
209|Error message with sensitive information|16.5.1|Error_Handling
215|Sensitive information in debugging code|13.4.2|Error_Handling
250|Execution with unnecessary privileges|13.2.2|Docker_Security
256|Plaintext storage of a password|11.4.2|Password_Storage
259|Hard-coded password|13.2.3 13.3.1|Secrets_Management
276|Incorrect default permissions|13.2.2|
284|Improper access control|8.3.1|Authorization Access_Control
285|Improper authorisation|8.2.1|Authorization
287|Improper authentication|6.3.1|Authentication
290|Authentication bypass by spoofing|6.3.4|Authentication
295|Improper certificate validation|12.3.2|Transport_Layer_Security
306|Missing authentication for a critical function|6.3.4 8.2.1|Authentication
307|No limit to authentication attempts|6.3.1|Authentication
311|Missing encryption of sensitive data|12.2.1|Transport_Layer_Security
312|Cleartext storage of sensitive information|14.2.4|Cryptographic_Storage
319|Cleartext transmission of sensitive information|12.2.1|Transport_Layer_Security HTTP_Strict_Transport_Security
321|Hard-coded cryptographic key|13.3.1 11.1.1|Secrets_Management Key_Management
326|Inadequate encryption strength|11.2.3|Cryptographic_Storage
327|Broken or risky cryptographic algorithm|11.3.1 11.2.3|Cryptographic_Storage
328|Weak hash|11.4.1|Password_Storage
329|Predictable initialisation vector|11.3.4|Cryptographic_Storage
330|Insufficiently random values|11.5.1|Cryptographic_Storage
338|Weak pseudo-random generator|11.5.1|Cryptographic_Storage
345|Insufficient verification of data authenticity|9.1.1|
346|Origin validation error|3.5.1|
347|Improper verification of a signature|9.1.1 9.1.2|JSON_Web_Token_for_Java
352|Cross-site request forgery|3.5.1|Cross-Site_Request_Forgery_Prevention
353|Missing check of integrity|15.2.4|
359|Exposure of private personal information|14.2.6|User_Privacy_Protection
377|Insecure temporary file|5.3.2|
384|Session fixation|7.2.4|Session_Management
391|Unchecked error condition|16.5.3|Error_Handling
400|Uncontrolled resource consumption|15.2.2|Denial_of_Service
409|Data amplification|5.2.3|Denial_of_Service
425|Direct request|8.2.1|Authorization
426|Untrusted search path|15.2.4|
427|Uncontrolled search path element|15.2.4|Software_Supply_Chain_Security
434|Unrestricted upload of a file with a dangerous type|5.2.2|File_Upload
441|Unintended proxy|1.3.6|Server_Side_Request_Forgery_Prevention
444|HTTP request smuggling|4.2.1|
451|Misrepresentation of critical information in the interface|3.4.6|Clickjacking_Defense
470|Externally controlled selection of classes or code|1.3.2|
489|Active debugging code|13.4.2|Error_Handling
494|Download of code without a check of integrity|15.2.4|Software_Supply_Chain_Security
497|Exposure of system information|13.4.6|Error_Handling
502|Deserialisation of untrusted data|1.5.2|Deserialization
506|Embedded malicious code|15.2.4|Software_Supply_Chain_Security
521|Weak password requirements|6.2.1|Authentication
522|Insufficiently protected credentials|13.3.1|Secrets_Management
525|Sensitive information in the browser's cache|14.3.2|Session_Management
527|Repository of a version control exposed|13.4.1|
530|Backup file exposed|13.4.7|
532|Sensitive information in a log file|16.2.5|Logging
538|Sensitive information in a file that all can reach|13.4.7|
540|Sensitive information in source code|13.4.7|
548|Directory listing|13.4.3|
564|SQL injection through an object mapper|1.2.4|SQL_Injection_Prevention
565|Reliance on cookies without a check|7.2.1|Session_Management
598|Sensitive information in a query string|14.2.1|
601|Open redirect|3.7.2|Unvalidated_Redirects_and_Forwards
605|Several binds to one port, or to all addresses|13.2.4|
611|XML external entity|1.5.1|XML_External_Entity_Prevention
613|Insufficient session expiration|7.3.1|Session_Management
614|Cookie without Secure|3.3.1|Session_Management
620|Password change without a check|6.2.3|Forgot_Password
639|Authorisation bypass through a key that users control|8.2.2|Insecure_Direct_Object_Reference_Prevention
640|Weak password recovery|6.4.3|Forgot_Password
644|Improper neutralisation of HTTP headers|1.2.1|
668|Exposure of a resource to the wrong sphere|13.4.5|
693|Protection mechanism failure|3.4.3|HTTP_Headers Content_Security_Policy
703|Improper check or handling of exceptions|16.5.3|Error_Handling
732|Incorrect permissions of a critical resource|13.2.2|
749|Exposed dangerous method|13.4.5|
754|Improper check for unusual conditions|16.5.3|Error_Handling
755|Improper handling of exceptional conditions|16.5.3|Error_Handling
756|Missing error page of its own|16.5.4|Error_Handling
759|Hash of a password without a salt|11.4.2|Password_Storage
770|Allocation without limits|15.2.2|Denial_of_Service
776|XML entity expansion|1.5.1|XML_Security
780|RSA without OAEP|11.3.1|Cryptographic_Storage
798|Hard-coded credentials|13.3.1 13.2.3|Secrets_Management
829|Inclusion of functionality from an untrusted sphere|15.2.4|Software_Supply_Chain_Security
862|Missing authorisation|8.2.1|Authorization
863|Incorrect authorisation|8.2.2|Authorization
915|Mass assignment|15.3.3|Mass_Assignment
916|Password hash with too little effort|11.4.2|Password_Storage
918|Server-side request forgery|1.3.6|Server_Side_Request_Forgery_Prevention
922|Insecure storage of sensitive information|14.2.4|Cryptographic_Storage
942|Permissive cross-domain policy|3.4.2|HTTP_Headers REST_Security
943|Injection into a data query|1.2.4|Injection_Prevention
1004|Sensitive cookie without HttpOnly|3.3.4|Session_Management
1021|Clickjacking|3.4.6|Clickjacking_Defense
1035|Component with a known vulnerability|15.2.1|Vulnerable_Dependency_Management
1104|Unmaintained third-party component|15.2.1|Vulnerable_Dependency_Management
1275|Cookie with an improper SameSite|3.3.2|Cross-Site_Request_Forgery_Prevention
1333|Inefficient regular expression|1.3.12|Input_Validation
1336|Template injection|1.3.7|Injection_Prevention
1357|Reliance on an insufficiently trustworthy component|15.2.4|Software_Supply_Chain_Security
1385|WebSocket without a check of its origin|4.4.2|
1395|Dependency on a vulnerable third-party component|15.2.1|Vulnerable_Dependency_Management
1427|Prompt injection|1.3.2|LLM_Prompt_Injection_Prevention
"""


@dataclass(frozen=True)
class Weakness:
    """A class of defects."""

    cwe: int
    name: str
    top_ten_2021: str
    """`A03`; empty: outside the Top Ten."""
    top_ten_2025: str
    asvs: tuple[str, ...]
    """Requirements of ASVS 5.0, as `v5.0.0-1.2.4`."""
    cheat_sheets: tuple[str, ...]
    """URLs."""

    @property
    def url(self) -> str:
        return _CWE.format(self.cwe)

    @property
    def category(self) -> str:
        """`A05:2025 Injection`."""
        if not self.top_ten_2025:
            return "outside the Top Ten"
        return f"{self.top_ten_2025}:2025 {NAMES_2025[self.top_ten_2025]}"

    @property
    def category_2021(self) -> str:
        if not self.top_ten_2021:
            return "outside the Top Ten"
        return f"{self.top_ten_2021}:2021 {NAMES_2021[self.top_ten_2021]}"


def _weakness(line: str) -> Weakness:
    number, name, asvs, sheets = line.split("|")
    cwe = int(number)
    return Weakness(
        cwe,
        name,
        TOP_TEN_2021.get(in_2021(cwe), ""),
        TOP_TEN_2025.get(cwe, ""),
        tuple(_ASVS.format(requirement) for requirement in asvs.split()),
        tuple(_SHEET.format(sheet) for sheet in sheets.split()),
    )


WEAKNESSES: Mapping[int, Weakness] = {each.cwe: each for each in map(_weakness, _TABLE.splitlines())}


def weakness(cwe: int) -> Weakness:
    """Of a CWE that an import names and the table does not, what the Top Ten says of it."""
    return WEAKNESSES.get(cwe) or Weakness(
        cwe, f"CWE-{cwe}", TOP_TEN_2021.get(in_2021(cwe), ""), TOP_TEN_2025.get(cwe, ""), (), ()
    )
