# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import codecs
import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.roster import (
    Roster,
    RosterError,
    RosterOptions,
    read_roster,
)

ROSTERS = pathlib.Path(__file__).parents[4] / "fixtures" / "rosters"

HEADINGS = "Lab,AWS account ID,CloudResearch e-mail,Lab state\n"


def read(text: str | bytes, **options: object) -> Roster:
    content = text.encode() if isinstance(text, str) else text
    return read_roster(content, RosterOptions(**options), "labs.csv")  # type: ignore[arg-type]


def problems_of(text: str | bytes, **options: object) -> list[str]:
    with pytest.raises(RosterError) as caught:
        read(text, **options)
    return [str(problem) for problem in caught.value.problems]


def exported(name: str) -> bytes:
    return (ROSTERS / name).read_bytes()


# -- files as spreadsheet programs write them --------------------------------------------------------------------------


def as_excel_writes(content: bytes) -> bytes:
    """UTF-8 with a byte order mark and Windows line ends."""
    return codecs.BOM_UTF8 + content.replace(b"\n", b"\r\n")


def as_old_windows_writes(content: bytes) -> bytes:
    """Windows-1252; the repository's files are all UTF-8."""
    return content.decode("utf-8").encode("windows-1252")


EXPORTS = {
    "comma": (exported("labs-comma.csv"), "auto"),
    "semicolon, all text quoted": (exported("labs-semicolon-quoted.csv"), "auto"),
    "tab": (exported("labs-tab.csv"), "auto"),
    "UTF-16 with mark": (exported("labs-utf16.csv"), "auto"),
    "UTF-16 without mark": (exported("labs-utf16.csv")[2:], "utf-16-le"),
    "windows-1252": (as_old_windows_writes(exported("labs-semicolon.csv")), "windows-1252"),
    "as Excel": (as_excel_writes(exported("labs-comma.csv")), "auto"),
    "as Excel with sep=": (
        codecs.BOM_UTF8 + b"sep=;\r\n" + exported("labs-semicolon-quoted.csv").replace(b"\n", b"\r\n"),
        "auto",
    ),
    "old Mac line ends": (exported("labs-comma.csv").replace(b"\n", b"\r"), "auto"),
}


@pytest.mark.parametrize(("content", "encoding"), EXPORTS.values(), ids=list(EXPORTS))
def test_every_export_of_a_sheet_gives_the_same_labs(content: bytes, encoding: str) -> None:
    labs = read(content, encoding=encoding).labs
    assert [(lab.host, lab.variables["lab_account_aws_account_id"]) for lab in labs] == [
        ("Perception-lab", "012345678901"),
        ("Choice-lab", "123456789012"),
        ("Memory-lab", "210987654321"),
        ("Language-sounds", "000123456789"),
        ("Attention-lab", "321098765432"),
    ]
    assert [lab.variables.get("lab_account_state") for lab in labs] == ["present", "present", "absent", "present", None]
    assert labs[0].extra["pi"] == "Müller, Renée"
    assert labs[0].extra["notes"].splitlines() == ["asked for sandbox first", "and for a quick start"]
    assert labs[2].extra["notes"] == "{{ lookup('ansible.builtin.pipe', 'id') }}"


def test_lines_count_line_breaks_inside_quotes_and_blank_rows() -> None:
    assert [lab.line for lab in read(exported("labs-comma.csv")).labs] == [2, 4, 5, 7, 8]


def test_restored_zeros_are_reported_with_their_line() -> None:
    (warning,) = read(exported("labs-comma.csv")).warnings
    assert "Leading zeros were restored in 1 account id" in warning
    assert "line 2: 12345678901 became 012345678901" in warning


def test_all_bad_rows_are_reported_at_once_with_their_lines() -> None:
    problems = problems_of(exported("bad.csv"))
    expected = [
        ("line 2, 'AWS Account ID'", "the spreadsheet took for a number and rounded"),
        ("line 3, 'CloudResearch E-mail'", "'choice@example' is not an e-mail address"),
        ("line 4, 'Lab'", "'choice-LAB' is already on line 3"),
        ("line 4, 'Lab state'", "'gone' is not a state: write present or absent"),
        ("line 6, 'Lab'", "#N/A is the sign of a formula that failed"),
        ("line 6, 'AWS Account ID'", "'4321' has 4 digits"),
        ("line 7, 'AWS Account ID'", "'123456789012' is already on line 3"),
        ("line 7, 'CloudResearch E-mail'", "'PERCEPTION@example.edu' is already on line 2"),
        ("line 9, 'Lab'", "the cell is empty"),
    ]
    assert len(problems) == len(expected)
    for problem, (where, what) in zip(problems, expected, strict=True):
        assert problem.startswith(where) and what in problem


def test_secrets_are_refused_without_repeating_them() -> None:
    with pytest.raises(RosterError) as caught:
        read(exported("secrets.csv"))
    text = str(caught.value)
    assert "line 1, 'CloudResearch password': the column is named like a secret" in text
    assert "line 3, 'Remarks': the cell looks like an AWS secret access key" in text
    assert "ansible-vault" in text
    for secret in ("wJalr", "hunter2", "correct horse"):
        assert secret not in text and secret not in repr(caught.value.details)


# -- encodings ---------------------------------------------------------------------------------------------------------


def test_bytes_that_are_not_utf8_are_named_with_line_and_remedy() -> None:
    (problem,) = problems_of(as_old_windows_writes(exported("labs-semicolon.csv")))
    assert problem.startswith("line 2: the bytes from here on are not utf-8")
    assert "CSV UTF-8" in problem and "encoding" in problem and "windows-1252" in problem


def test_utf16_without_mark_is_recognised() -> None:
    (problem,) = problems_of(HEADINGS.encode("utf-16-le"))
    assert "UTF-16 without a mark" in problem


def test_an_unknown_encoding_is_named() -> None:
    (problem,) = problems_of(HEADINGS, encoding="utf-9")
    assert "'utf-9' is no encoding" in problem


@pytest.mark.parametrize("content", [b"", b"\n\r\n", codecs.BOM_UTF8, b" , ,\n"])
def test_an_empty_file_says_so(content: bytes) -> None:
    assert problems_of(content) == ["line 1: the file is empty: a line with the headings is needed first"]


def test_a_roster_without_labs_is_no_error() -> None:
    assert read(HEADINGS).labs == []


# -- delimiters and quotes ---------------------------------------------------------------------------------------------


def test_the_delimiter_that_fits_the_headings_wins_over_the_more_frequent_one() -> None:
    roster = read("Lab;AWS account;Notes, remarks, and, more\nOne;123456789012;a, b, c\n")
    assert roster.labs[0].extra == {"notes_remarks_and_more": "a, b, c"}


def test_a_given_delimiter_is_obeyed() -> None:
    roster = read("Lab\tAWS account\nOne\t123456789012\n", delimiter="tab")
    assert roster.labs[0].host == "One"


def test_an_unclosed_quote_is_reported_where_its_row_begins() -> None:
    (problem,) = problems_of(HEADINGS + 'One,123456789012,a@x.edu,present\n"Two,210987654321,b@x.edu,\n\n')
    assert problem.startswith("line 3: the row that begins here is not valid CSV")


def test_text_behind_a_closed_quote_is_refused_rather_than_guessed() -> None:
    assert "line 2" in problems_of(HEADINGS + '"One"x,123456789012,a@x.edu,present\n')[0]


def test_surplus_cells_are_reported_even_if_the_others_fit() -> None:
    assert problems_of("Lab,AWS account\nOne,123456789012,stray\n") == [
        "line 2: the row has more cells than there are headings: a delimiter inside a value?"
    ]
    assert len(read("Lab,AWS account\nOne,123456789012,,\n").labs) == 1


# -- headings ----------------------------------------------------------------------------------------------------------


def test_headings_are_matched_without_case_space_and_signs() -> None:
    roster = read("  LAB_name ,aws  ACCOUNT-id:,CloudResearch E-Mail\nOne,123456789012,a@x.edu\n")
    assert roster.labs[0].host == "One"
    assert roster.labs[0].variables == {
        "lab_account_aws_account_id": "123456789012",
        "lab_account_cloudresearch_email": "a@x.edu",
    }


def test_columns_maps_headings_and_leaves_columns_out() -> None:
    roster = read(
        "Kürzel,Konto,Lab,Intern\nkl1,123456789012,Klinische Psychologie,x\n",
        columns={"kürzel": "inventory_hostname", "KONTO": "lab_account_aws_account_id", "Intern": None},
    )
    assert roster.labs[0].host == "kl1"
    assert roster.labs[0].extra == {"lab": "Klinische Psychologie"}


def test_a_column_that_columns_names_must_be_there() -> None:
    (problem,) = problems_of("Lab,AWS account\nOne,123456789012\n", columns={"Budget": "budget"})
    assert "'Budget'" in problem and "found: 'Lab', 'AWS account'" in problem


def test_missing_required_columns_are_named_together() -> None:
    problems = problems_of("Department,Budget\nPsychology,100\n")
    assert len([problem for problem in problems if "no column for" in problem]) == 2
    assert "inventory_hostname" in problems[0] and "lab_account_aws_account_id" in problems[1]


def test_required_columns_can_be_others() -> None:
    roster = read(
        "Lab,AWS profile\nOne,lab-one\n", required=("inventory_hostname", "lab_account_aws_profile"), unique=()
    )
    assert roster.labs[0].variables == {"lab_account_aws_profile": "lab-one"}


def test_headings_that_occur_twice_are_refused() -> None:
    assert "line 1, 'lab': the heading occurs twice" in problems_of("Lab,lab,AWS account\nOne,Uno,123456789012\n")


def test_values_without_heading_are_refused_and_empty_columns_ignored() -> None:
    assert "line 1, 'column 3': the column holds values but no heading" in problems_of(
        "Lab,AWS account,,Lab state\nOne,123456789012,lost,present\n"
    )
    assert read("Lab,AWS account,,Lab state,,\nOne,123456789012,,present,,\n").labs[0].extra == {}


@pytest.mark.parametrize(
    "heading",
    [
        "Password",
        "PASSWORT",
        "CloudResearch pass-word",
        "SecretAccessKey",
        "AWS secret key",
        "secret",
        "TOTP",
        "2FA otp",
        "API key",
        "Recovery codes",
        "pwd",
    ],
)
def test_headings_of_secrets_are_refused(heading: str) -> None:
    problems = problems_of(f"Lab,AWS account,{heading}\nOne,123456789012,x\n")
    assert any("named like a secret" in problem for problem in problems)


@pytest.mark.parametrize("heading", ["Secretary", "Secretariat", "Access key id", "Tot. personnel", "Passed", "Keys"])
def test_headings_that_only_resemble_secrets_are_taken(heading: str) -> None:
    assert len(read(f"Lab,AWS account,{heading}\nOne,123456789012,x\n").labs) == 1


def test_a_heading_that_is_itself_a_secret_is_refused_unseen() -> None:
    problems = problems_of("Lab,AWS account,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\nOne,123456789012,x\n")
    assert any("named like a secret" in problem for problem in problems)
    assert "wJalr" not in "".join(problems)


def test_a_column_cannot_be_mapped_to_a_secret_variable() -> None:
    problems = problems_of(
        "Lab,AWS account,Magic\nOne,123456789012,x\n", columns={"Magic": "lab_account_cloudresearch_password"}
    )
    assert any("named like a secret" in problem for problem in problems)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "an AWS secret access key"),
        ("secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY.", "an AWS secret access key"),
        ("otpauth://totp/CloudResearch?secret=JBSWY3DPEHPK3PXP", "a TOTP secret"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_cells_that_look_like_secrets_are_refused_in_any_column(cell: str, kind: str) -> None:
    for header in ("Lab,AWS account,Remarks\nOne,123456789012,{}\n", "Lab,AWS account,\nOne,123456789012,{}\n"):
        problems = problems_of(header.format(cell))
        assert any(f"the cell looks like {kind}" in problem for problem in problems)
        assert cell not in "".join(problems)


@pytest.mark.parametrize("cell", ["AKIAIOSFODNN7EXAMPLE", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "Aa1" * 20])
def test_key_ids_and_digests_are_no_secrets(cell: str) -> None:
    assert read(f"Lab,AWS account,Remarks\nOne,123456789012,{cell}\n").labs[0].extra == {"remarks": cell}


def test_a_file_without_headings_does_not_show_its_secrets() -> None:
    text = "".join(problems_of("One,123456789012,wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"))
    assert "wJalr" not in text and "no column for" in text


# -- exports of AWS, headings that say too little ----------------------------------------------------------------------


def test_the_account_export_of_the_aws_console_is_a_roster() -> None:
    roster = read(exported("aws-console-export.csv"))
    # Two accounts have one name, which their owners chose; ids tell them apart.
    assert [lab.host for lab in roster.labs] == ["111111111111", "222222222222"]
    # The address of the root user is not what anybody signs in to CloudResearch with, and ACTIVE is no state of a lab.
    assert [lab.variables for lab in roster.labs] == [
        {"lab_account_aws_account_id": "111111111111"},
        {"lab_account_aws_account_id": "222222222222"},
    ]
    assert roster.labs[0].extra["name"] == "Perception lab"
    (warning,) = roster.warnings
    assert "1 account is left out" in warning and "line 4: 333333333333 is SUSPENDED" in warning


def test_a_column_can_still_name_the_hosts_of_such_an_export() -> None:
    content = exported("aws-console-export.csv").replace(b"aws+", b"")
    roster = read(content, columns={"Email": "inventory_hostname"})
    assert [lab.host for lab in roster.labs] == ["perception-example.edu", "choice-example.edu"]


def test_an_account_that_is_not_in_use_may_have_what_others_have() -> None:
    roster = read("Lab,AWS account,Status\nOne,123456789012,ACTIVE\none,123456789012,closed\nTwo,210987654321,\n")
    assert [lab.host for lab in roster.labs] == ["One", "Two"]


@pytest.mark.parametrize(
    ("heading", "value", "variable", "better"),
    [
        ("Email", "a@x.edu", "lab_account_cloudresearch_email", "CloudResearch e-mail"),
        ("E-Mail", "a@x.edu", "lab_account_cloudresearch_email", "CloudResearch e-mail"),
        ("Role", "professor", "lab_account_assume_role_name", "Assume role name"),
        ("State", "Ohio", "lab_account_state", "Lab state"),
        ("Profile", "social", "lab_account_aws_profile", "AWS profile"),
        ("Contact", "a@x.edu", "lab_contact_email", "Contact e-mail"),
    ],
)
def test_headings_that_say_too_little_set_nothing_without_a_mapping(
    heading: str, value: str, variable: str, better: str
) -> None:
    text = f"Lab,AWS account,{heading}\nOne,123456789012,{value}\n"
    roster = read(text)
    assert variable not in roster.labs[0].variables
    (warning,) = roster.warnings
    assert f"'{heading}' alone does not say that it is {variable}" in warning and f"'{better}'" in warning
    if heading != "State":
        mapped = read(text, columns={heading: variable})
        assert mapped.labs[0].variables[variable] == value and mapped.warnings == []


def test_contact_and_department_have_usual_headings_and_stay_available_for_groups() -> None:
    roster = read("Lab,AWS account,Contact E-Mail,Department\nOne,123456789012,pi@x.edu,Psychology\n")
    (lab,) = roster.labs
    assert (lab.variables["lab_contact_email"], lab.variables["lab_department"]) == ("pi@x.edu", "Psychology")
    assert lab.extra == {"contact_e_mail": "pi@x.edu", "department": "Psychology"}
    assert roster.warnings == []
    assert "is not an e-mail address" in problems_of("Lab,AWS account,Contact e-mail\nOne,123456789012,Ada\n")[0]


def test_a_state_that_would_be_passed_over_stops_the_roster() -> None:
    """Else a lab that is to be gone would be made anew."""
    (problem,) = problems_of("Lab,AWS account,State\nOne,123456789012,absent\nTwo,210987654321,\n")
    assert "'State' alone does not say that it is lab_account_state" in problem and "'Lab state'" in problem


@pytest.mark.parametrize("heading", ["AccountID", "AWSAccountId", "accountid", "aws_account-ID"])
def test_headings_without_spaces_are_known(heading: str) -> None:
    assert read(f"Lab,{heading}\nOne,123456789012\n").labs[0].variables == {
        "lab_account_aws_account_id": "123456789012"
    }


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_title_above_the_headings_is_named(delimiter: str) -> None:
    text = "Labs of the institute, as of May\n\nLab;AWS account ID;Notes\nOne;123456789012;a, b\n"
    (problem,) = problems_of(text.replace(";", delimiter).replace("institute, as", "institute" + delimiter + " as"))
    assert problem.startswith("line 1: line 3 looks like the header ('Lab', 'AWS account ID', 'Notes')")


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "account_id"),
    [
        ("123456789012", "123456789012"),
        ("12345678901", "012345678901"),
        ("12345678", "000012345678"),
        ("1234-5678-9012", "123456789012"),
        ("1234 5678 9012", "123456789012"),
        ("'012345678901", "012345678901"),
        ('"=""012345678901"""', "012345678901"),
        ("\u00a0123456789012\u200b", "123456789012"),
    ],
)
def test_account_ids_are_put_right(cell: str, account_id: str) -> None:
    roster = read(f"Lab,AWS account\nOne,{cell}\n")
    assert roster.labs[0].variables["lab_account_aws_account_id"] == account_id


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1.23457E+11", "took for a number and rounded"),
        ('"1,23457E+11"', "took for a number and rounded"),
        ("1234567890123", "has 13 digits"),
        ("1234567", "has 7 digits"),
        ("12345678901x", "is not an AWS account id"),
        ("123456789012.0", "is not an AWS account id"),
        ("１２３４５６７８９０１２", "is not an AWS account id"),
        ("000000000000", "only zeros"),
        ("-12345678901", "is not an AWS account id"),
    ],
)
def test_account_ids_that_cannot_be_trusted_are_refused(cell: str, message: str) -> None:
    (problem,) = problems_of(f"Lab,AWS account\nOne,{cell}\n")
    assert message in problem


@pytest.mark.parametrize("cell", ["a", "a@b", "a b@x.edu", "a@x.edu; b@x.edu", "a@@x.edu", "a@x..edu", "@x.edu"])
def test_bad_email_addresses_are_refused(cell: str) -> None:
    assert any(
        "is not an e-mail address" in problem for problem in problems_of(f'{HEADINGS}One,123456789012,"{cell}",\n')
    )


@pytest.mark.parametrize("cell", ["a.b+c@dept.example.edu", "o'neil@x.edu", "mailto:a@x.edu"])
def test_good_email_addresses_are_taken(cell: str) -> None:
    (lab,) = read(f"{HEADINGS}One,123456789012,{cell},\n").labs
    assert lab.variables["lab_account_cloudresearch_email"] == cell.removeprefix("mailto:")


def test_duplicates_can_be_allowed_except_of_hosts() -> None:
    rows = "One,123456789012,a@x.edu,\nTwo,123456789012,a@x.edu,\n"
    assert len(problems_of(HEADINGS + rows)) == 2
    assert len(read(HEADINGS + rows, unique=()).labs) == 2
    assert "is already on line 2" in problems_of(HEADINGS + rows.replace("Two", "ONE"), unique=())[0]


def test_hosts_that_only_differ_in_what_host_names_cannot_have_are_duplicates() -> None:
    assert (
        "'One-lab' is already on line 2"
        in problems_of("Lab,AWS account\nOne lab,123456789012\nOne/lab,210987654321\n")[0]
    )


def test_a_name_that_gives_no_host_name_is_refused() -> None:
    problems = problems_of("Lab,AWS account\n実験室,123456789012\nall,210987654321\n")
    assert len(problems) == 2 and all("gives no host name" in problem for problem in problems)


def test_formulas_and_templates_stay_as_they_are() -> None:
    (lab,) = read('Lab,AWS account,Notes\n"{{ x }}",123456789012,"=1+1"\n').labs
    assert lab.host == "x" and lab.extra == {"notes": "=1+1"}


def test_what_was_taken_from_values_is_said() -> None:
    roster = read('Lab,AWS account,CloudResearch e-mail\nOne,123456789012,"a@x.edu\n"\nTwo, 210987654321,b@x.edu\n')
    assert [lab.variables["lab_account_cloudresearch_email"] for lab in roster.labs] == ["a@x.edu", "b@x.edu"]
    (warning,) = roster.warnings
    assert "line 2 (CloudResearch e-mail), line 4 (AWS account)" in warning


@pytest.mark.parametrize(
    "hostile",
    ["\x1b]0;title\x07One\x1b[2J", "O\u202ene", "\u200bOne\u2066", "\x9b31mOne", "On\u00ade"],
    ids=["escape sequences", "bidi", "zero width", "C1", "soft hyphen"],
)
def test_what_steers_a_terminal_never_gets_in(hostile: str) -> None:
    (lab,) = read(f"Lab,AWS account,Note{hostile}\nA,123456789012,{hostile}\n").labs
    assert lab.extra == {"noteone": "One"}
    assert all(text.isprintable() for text in problems_of(f"Lab,AWS account\n{hostile},12{hostile}\n"))


@pytest.mark.parametrize("beginning", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"], ids=["xlsx, ods", "xls"])
@pytest.mark.parametrize("encoding", ["auto", "windows-1252"])
def test_a_workbook_is_told_from_csv(beginning: bytes, encoding: str) -> None:
    (problem,) = problems_of(beginning + b"\x14\0\x06\0\n\xff", encoding=encoding)
    assert problem.startswith("line 1: the file is a workbook") and "save the sheet as 'CSV UTF-8'" in problem


@pytest.mark.parametrize("sign", ["", '"'])
def test_a_first_line_that_announces_no_delimiter_is_a_title(sign: str) -> None:
    content = f"sep={sign}\r\nLab,AWS account ID\r\none,012345678901\r\n".encode()
    with pytest.raises(RosterError, match="line 2 looks like the header"):
        read_roster(content, RosterOptions())
