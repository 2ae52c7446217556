"""Writes ../fixtures/<type>.jsonl for every type of values.py: texts with a value that is to be found
(`hit`), and texts with one that is not (`miss`). Deterministic.

    python -m pip install python-stdnum phonenumbers
    python fixtures.py
"""

import json
import pathlib
import random

from values import TYPES

FOLDER = pathlib.Path(__file__).parent.parent / "fixtures"

SENTENCES = {
    "en": ["My {label} is {value}.", "{label}: {value}", "Please update my {label} to {value}, thank you.", "The {label} {value} belongs to the applicant."],
    "de": ["Meine {label} lautet {value}.", "{label}: {value}", "Bitte tragen Sie die {label} {value} ein."],
    "fr": ["Mon {label} est le {value}.", "{label} : {value}", "Veuillez noter mon {label} {value}, merci."],
    "es": ["Mi {label} es {value}.", "{label}: {value}", "Le env\u00edo mi {label} {value} para el contrato."],
    "nl": ["Mijn {label} is {value}.", "{label}: {value}"],
    "pt": ["O meu {label} \u00e9 {value}.", "{label}: {value}"],
    "it": ["Il mio {label} \u00e8 {value}.", "{label}: {value}"],
}
OTHER = ["{label}: {value}", "{label} {value}", "{label} = {value}"]
ALONE = ["Here you go: {value}", "{value}", "I was told to send {value} by Friday.", "- {value}\n- done"]

# Texts in which a number of the form is something else.
AGAINST = [
    "Your order number is {value}.",
    "Tracking number: {value}",
    "Invoice {value} was paid.",
    "ISBN {value}",
    "Bestellnummer {value}",
    "Num\u00e9ro de commande : {value}",
    "serial number {value}",
]


def labelled(kind, rng, count):
    """Sentences that name a value, in every language that has a name for it."""
    pairs = [(language, label) for language, labels in kind.labels.items() for label in labels]
    lines = []
    while len(lines) < count:
        language, label = pairs[len(lines) % len(pairs)]
        sentences = SENTENCES.get(language, OTHER)
        sentence = sentences[(len(lines) // len(pairs)) % len(sentences)]
        mask = kind.formats[len(lines) % len(kind.formats)]
        lines.append((sentence, label, mask))
    return lines


def fixture(kind):
    rng = random.Random(kind.name)
    rows = []
    for sentence, label, mask in labelled(kind, rng, 14):
        value = kind.write(kind.make(rng), mask)
        rows.append({"text": sentence.format(label=label, value=value), "hit": value})
    for number, mask in enumerate(kind.alone):
        for sentence in ALONE[number % 2 :: 2]:
            value = kind.write(kind.make(rng), mask)
            rows.append({"text": sentence.format(value=value), "hit": value})
    key = next(iter(kind.labels.values()))[0]
    value = kind.write(kind.make(rng), kind.formats[0])
    rows.append({"text": json.dumps({key: value, "ok": True}, ensure_ascii=False), "hit": value})
    rows.extend(misses(kind, rng))
    path = FOLDER / f"{kind.name.lower()}.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def misses(kind, rng):
    plain = "#" * len(kind.make(rng))
    if kind.checked:
        # The check fails, whatever the label says.
        for sentence, label, mask in labelled(kind, rng, 6):
            value = kind.write(kind.broken(rng), mask)
            yield {"text": sentence.format(label=label, value=value), "miss": value}
    # Longer than it may be.
    label = next(iter(kind.labels.values()))[0]
    for tail in ("71", "9A3", "00"):
        value = kind.write(kind.make(rng), plain) + tail
        yield {"text": f"{label}: {value}", "miss": value}
    # Inside of something else.
    value = kind.write(kind.make(rng), plain)
    for text in (f"x{value}y", f"0.{value}", f"build-{value}-{value}", f"id_{value}_{value}", f"/assets/{value}{value}.js"):
        yield {"text": f"see {text}", "miss": value}
    for text in ("SELECT {0}{0} FROM t", "0x{0}ff", "v{0}.{0}.1", "{0}{0}{0}", "sha256:{0}{0}{0}{0}"):
        yield {"text": text.format(value.lower()), "miss": value.lower()}
    if kind.name not in UNMISTAKABLE:
        for sentence in AGAINST:
            value = kind.write(kind.make(rng), plain)
            yield {"text": sentence.format(value=value), "miss": value}


# Their form and checks are enough, whatever stands before them.
UNMISTAKABLE = {
    "FR_NIR", "IT_FISCAL_CODE", "MX_CURP", "IN_GSTIN", "CN_RESIDENT_ID", "UK_DRIVING_LICENCE", "FI_HETU", "LU_NIN",
    "MX_RFC", "CH_AHV", "BR_CNPJ", "US_MBI", "CREDIT_CARD", "DE_SOCIAL_SECURITY", "VIN", "HK_ID",
}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each in TYPES:
        fixture(each)
    print(f"{len(TYPES)} fixtures")
