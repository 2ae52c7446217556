"""Writes ../eval/structured.jsonl: the development data for numbers with a form. Sentences, records and
logs in seven languages, with valid values to find, and near misses: values whose check fails, and values
of the same form that are something else. The sentences are not those of the fixtures. Deterministic.
"""

import json
import pathlib
import random

from values import TYPES

PATH = pathlib.Path(__file__).parent.parent / "eval" / "structured.jsonl"

# What people call a number when they write to a stranger, beside its labels in values.py.
NAMES = {
    "CREDIT_CARD": {"en": ["credit card number", "Mastercard", "debit card", "card"], "de": ["Kartennummer"], "es": ["tarjeta"], "fr": ["carte bancaire"]},
    "US_SSN": {"en": ["Social Security number", "SSN", "social security no."]},
    "UK_NHS": {"en": ["NHS number"]},
    "DE_TAX_ID": {"de": ["Steuer-Identifikationsnummer", "Steuer-IdNr."], "en": ["German tax ID"]},
    "FR_NIR": {"fr": ["numero de secu", "num\u00e9ro INSEE"], "en": ["French social security number"]},
    "ES_DNI": {"es": ["n\u00famero de DNI"], "en": ["Spanish DNI"]},
    "IT_FISCAL_CODE": {"it": ["codice fiscale"], "en": ["fiscal code"]},
    "NL_BSN": {"nl": ["BSN-nummer"], "en": ["Dutch BSN"]},
    "PL_PESEL": {"pl": ["nr PESEL"], "en": ["Polish PESEL number"]},
    "SE_PERSONNUMMER": {"sv": ["personnummer"], "en": ["Swedish personnummer"]},
    "BR_CPF": {"pt": ["n\u00famero do CPF"], "en": ["Brazilian CPF"]},
    "IN_AADHAAR": {"en": ["Aadhaar card number", "Aadhaar no."]},
    "IN_PAN": {"en": ["PAN card", "PAN no."]},
    "AU_TFN": {"en": ["Australian tax file number"]},
    "CA_SIN": {"en": ["Canadian SIN", "social insurance number"]},
    "VIN": {"en": ["VIN number", "vehicle identification number"]},
    "IMEI": {"en": ["phone's IMEI"]},
}

SENTENCES = {
    "en": [
        "For verification, my {n} is {v}.", "I've entered {v} as my {n} but the form rejects it.", "Do you need my {n}? It's {v}.", "{v} is my {n}, can you check?",
        "The applicant's {n} was recorded as {v} last week.", "Hi team, customer called about {n} {v}, please advise.", "Kindly find my {n} below:\n{v}", "{n} # {v}",
        "My name is on the account and the {n} on file should be {v}.", "Applicant: J. Doe; {n}: {v}; status: open", "Is {v} a valid {n}?", "what's your {n}?\n{v}",
    ],
    "de": ["Zur Pr\u00fcfung: meine {n} ist {v}.", "Ich habe {v} als {n} angegeben.", "Die {n} des Kunden: {v}", "{n} {v}, geboren in K\u00f6ln", "K\u00f6nnen Sie die {n} {v} bitte pr\u00fcfen?"],
    "fr": ["Bonjour, voici mon {n} : {v}.", "J'ai indiqu\u00e9 {v} comme {n}.", "Le {n} du client est {v}", "{n} {v}"],
    "es": ["Hola, mi {n} es el {v}.", "He puesto {v} como {n}.", "El {n} del cliente es {v}", "{n} {v}"],
    "nl": ["Hallo, mijn {n} is {v}.", "Ik heb {v} ingevuld als {n}.", "Het {n} van de klant: {v}"],
    "pt": ["Ol\u00e1, o meu {n} \u00e9 {v}.", "Coloquei {v} como {n}.", "{n} do cliente: {v}"],
    "it": ["Buongiorno, il mio {n} \u00e8 {v}.", "Ho inserito {v} come {n}.", "Il {n} del cliente: {v}"],
}
RECORDS = ["{{\"{k}\": \"{v}\", \"status\": \"ok\"}}", "{k}={v}", "{k}: '{v}'", "<{k}>{v}</{k}>", "| {n} | {v} |", "2024-05-06 10:11:12 INFO update {k}={v} ok", "name,{k},city\nJ. Doe,{v},X", "* {n}\t{v}"]
ALONE = ["{v}", "please process {v} today", "see {v}.", "({v})", "J. Doe, {v}, Springfield"]
OTHER = [
    "Order {v} has shipped.", "Ticket {v} was closed.", "The SKU is {v}.", "Commit {v} broke the build.", "Invoice no. {v}", "build {v} failed", "tracking id {v}",
    "Bestellnummer: {v}", "commande n\u00b0 {v}", "pedido {v}", "product code {v}", "request id {v}",
]


def key(name):
    plain = name.lower().replace("'", "").replace(".", "").replace("\u00b0", "")
    return "_".join(plain.replace("-", " ").split())


def rows():
    for kind in TYPES:
        rng = random.Random("structured " + kind.name)
        names = [(language, name) for source in (kind.labels, NAMES.get(kind.name, {})) for language, all_ in source.items() for name in all_]
        for number in range(22):
            language, name = rng.choice(names)
            value = kind.write(kind.make(rng), rng.choice(kind.formats))
            pool = SENTENCES.get(language, SENTENCES["en"]) if number % 3 else RECORDS
            yield kind.name, "hit", language, rng.choice(pool), name, value
        for mask in kind.alone:
            for sentence in rng.sample(ALONE, 3):
                yield kind.name, "hit", "en", sentence, "", kind.write(kind.make(rng), mask)
        for number in range(8 if kind.checked else 0):
            language, name = rng.choice(names)
            value = kind.write(kind.broken(rng), rng.choice(kind.formats))
            yield kind.name, "broken", language, rng.choice(SENTENCES.get(language, SENTENCES["en"])), name, value
        if not kind.alone:
            for sentence in rng.sample(OTHER, 6):
                yield kind.name, "other", "en", sentence, "", kind.write(kind.make(rng), kind.formats[0])


def write():
    PATH.parent.mkdir(exist_ok=True)
    lines = []
    for number, (name, what, language, sentence, label, value) in enumerate(rows()):
        text = sentence.format(n=label, k=key(label), v=value)
        start = text.index(value)
        spans = [{"start": start, "end": start + len(value), "type": name}] if what == "hit" else []
        lines.append(json.dumps({"id": f"{name}-{what}-{number}", "lang": language, "text": text, "spans": spans}, ensure_ascii=False))
    PATH.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} texts")


if __name__ == "__main__":
    write()
