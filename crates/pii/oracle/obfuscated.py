"""Writes ../eval/obfuscated.jsonl: e-mail addresses, telephone numbers and social security numbers, hidden
in the ways people hide them. Deterministic.
"""

import base64
import json
import pathlib
import random

PATH = pathlib.Path(__file__).parent.parent / "eval" / "obfuscated.jsonl"
RNG = random.Random("obfuscated")
FIRST = ["john", "maria", "wei", "fatima", "peter", "chloe", "david", "ana"]
LAST = ["smith", "garcia", "chen", "khan", "mueller", "dubois", "cohen", "silva"]
DOMAINS = ["gmail.com", "example.com", "mail.example.org", "company.io", "yahoo.co.uk", "web.de"]


def fullwidth(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def shifted(text, start):
    return "".join(chr(start + int(c)) if c.isdigit() else c for c in text)


def between(text, mark):
    return mark.join(text)


def somewhere(text, mark):
    places = set(RNG.sample(range(1, len(text)), 3))
    return "".join((mark if i in places else "") + c for i, c in enumerate(text))


def percent(text, which):
    return "".join(f"%{ord(c):02X}" if c in which else c for c in text)


def entities(text, which, style):
    form = {"decimal": lambda c: f"&#{ord(c)};", "hex": lambda c: f"&#x{ord(c):x};"}[style]
    return "".join(form(c) if c in which else c for c in text)


LOOKS = str.maketrans({"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441", "p": "\u0440"})


def email():
    name = RNG.choice([f"{RNG.choice(FIRST)}.{RNG.choice(LAST)}", f"{RNG.choice(FIRST)}{RNG.randint(1, 99)}", f"{RNG.choice(FIRST)}_{RNG.choice(LAST)}"])
    return f"{name}@{RNG.choice(DOMAINS)}"


def spoken(text, at, dot):
    local, domain = text.split("@")
    return local + at + domain.replace(".", dot)


EMAILS = {
    "[at] [dot]": lambda t: spoken(t, " [at] ", " [dot] "),
    "(at) (dot)": lambda t: spoken(t, "(at)", "(dot)"),
    "{at} {dot}": lambda t: spoken(t, "{at}", "{dot}"),
    "[AT] [DOT]": lambda t: spoken(t, " [AT] ", " [DOT] "),
    "[at] .": lambda t: spoken(t, " [at] ", "."),
    "at dot": lambda t: spoken(t, " at ", " dot "),
    "AT DOT": lambda t: spoken(t, " AT ", " DOT "),
    "<at> <dot>": lambda t: spoken(t, "<at>", "<dot>"),
    "_at_ _dot_": lambda t: spoken(t, "_at_", "_dot_"),
    "@ dot": lambda t: spoken(t, "@", " dot "),
    "[@] [.]": lambda t: spoken(t, "[@]", "[.]"),
    "spaces around @": lambda t: t.replace("@", " @ "),
    "letter by letter": lambda t: between(t, " "),
    "full width": fullwidth,
    "full width @": lambda t: t.replace("@", "\uff20"),
    "zero width": lambda t: somewhere(t, "\u200b"),
    "zero width joiner": lambda t: somewhere(t, "\u200d"),
    "soft hyphen": lambda t: somewhere(t, "\u00ad"),
    "word joiner": lambda t: somewhere(t, "\u2060"),
    "directions": lambda t: "\u202d" + t + "\u202c",
    "Cyrillic": lambda t: t.translate(LOOKS),
    "percent @": lambda t: percent(t, "@"),
    "percent @ and .": lambda t: percent(t, "@."),
    "percent twice": lambda t: t.replace("@", "%2540"),
    "entities": lambda t: entities(t, "@.", "decimal"),
    "entities, hex": lambda t: entities(t, "@", "hex"),
    "entities, all": lambda t: entities(t, t, "decimal"),
    "named entities": lambda t: t.replace("@", "&commat;").replace(".", "&period;"),
    "escapes": lambda t: t.replace("@", "\\u0040"),
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "mathematical": lambda t: "".join(chr(0x1D41A + ord(c) - 97) if c.islower() else c for c in t),
    "one dot leader": lambda t: t.replace(".", "\u2024"),
}


def phone():
    area, exchange, line = RNG.randint(201, 989), RNG.randint(201, 989), RNG.randint(0, 9999)
    if area % 100 == 11 or exchange % 100 == 11:
        return phone()
    return f"{area}-{exchange}-{line:04}"


def groups(t, a, b=None):
    x, y, z = t.split("-")
    return x + a + y + (b or a) + z


NUMBERS = {
    "dots": lambda t: t.replace("-", "."),
    "spaces": lambda t: t.replace("-", " "),
    "slashes": lambda t: t.replace("-", "/"),
    "underscores": lambda t: t.replace("-", "_"),
    "spaced dashes": lambda t: t.replace("-", " - "),
    "spaced dots": lambda t: t.replace("-", " . "),
    "no-break spaces": lambda t: t.replace("-", "\u00a0"),
    "en dashes": lambda t: t.replace("-", "\u2013"),
    "no-break hyphens": lambda t: t.replace("-", "\u2011"),
    "minus signs": lambda t: t.replace("-", "\u2212"),
    "digit by digit": lambda t: between(t.replace("-", ""), " "),
    "digit by digit, dashes": lambda t: between(t, " "),
    "digits and dashes": lambda t: between(t.replace("-", ""), "-"),
    "full width": fullwidth,
    "full width digits": lambda t: shifted(t, 0xFF10),
    "Arabic": lambda t: shifted(t, 0x660),
    "Persian": lambda t: shifted(t, 0x6F0),
    "Devanagari": lambda t: shifted(t, 0x966),
    "mathematical": lambda t: shifted(t, 0x1D7CE),
    "superscript": lambda t: "".join("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[int(c)] if c.isdigit() else c for c in t),
    "circled": lambda t: "".join("\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468"[int(c)] if c.isdigit() else c for c in t),
    "key caps": lambda t: "".join(c + "\ufe0f\u20e3" if c.isdigit() else c for c in t),
    "zero width": lambda t: somewhere(t, "\u200b"),
    "soft hyphen": lambda t: somewhere(t, "\u00ad"),
    "percent": lambda t: percent(t, "-"),
    "percent, all": lambda t: percent(t, t),
    "entities": lambda t: entities(t, "-", "decimal"),
    "entities, all": lambda t: entities(t, t, "decimal"),
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "mixed": lambda t: groups(t, "-", " "),
    "letter O": lambda t: t.replace("0", "O"),
    "letter l": lambda t: t.replace("1", "l"),
}
PHONES = dict(NUMBERS, **{
    "brackets": lambda t: "({}) {}-{}".format(*t.split("-")),
    "brackets, spaced": lambda t: "( {} ) {} - {}".format(*t.split("-")),
    "plus": lambda t: "+1 " + t.replace("-", " "),
    "plus, dots": lambda t: "+1." + t.replace("-", "."),
    "tel": lambda t: "tel:+1" + t.replace("-", ""),
})


def ssn():
    return f"{RNG.randint(100, 665):03}-{RNG.randint(1, 99):02}-{RNG.randint(1, 9999):04}"


SETS = [
    ("EMAIL", email, EMAILS, ["Contact me: {v}", "my email is {v} thanks", "{v}", "write to {v} for details"]),
    ("PHONE", phone, PHONES, ["call me at {v}", "Phone: {v}", "my number is {v}, text anytime", "cell {v}"]),
    ("US_SSN", ssn, NUMBERS, ["my SSN is {v}", "SSN: {v}", "social security number {v}", "Social: {v}."]),
]


def write():
    lines = []
    for entity, make, ways, sentences in SETS:
        for way, hide in ways.items():
            for number in range(8):
                value = hide(make())
                text = sentences[number % len(sentences)].format(v=value)
                start = text.index(value)
                span = {"start": start, "end": start + len(value), "type": entity}
                lines.append(json.dumps({"id": f"{entity}: {way}: {number}", "lang": "en", "text": text, "spans": [span]}, ensure_ascii=False))
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} texts")


if __name__ == "__main__":
    write()
