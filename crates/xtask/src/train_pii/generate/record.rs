//! Records of data, as JSON, as lines of `key: value`, or as values under their keys.

use super::{Generator, Writer, set, writer::Case};
use crate::train_pii::{
    corpus::{Text, fold},
    dice::Dice,
};

impl Generator<'_> {
    /// A record of data: as one JSON text, or each of its values under its key.
    pub(super) fn record(&self, language: &'static str, dice: &mut Dice) -> Vec<Text> {
        const PERSON_KEYS: &[&str] = &[
            "name",
            "fullName",
            "full_name",
            "customer_name",
            "customerName",
            "customer",
            "client",
            "author",
            "owner",
            "contact",
            "patient",
            "patientName",
            "employee",
            "employee_name",
            "manager",
            "recipient",
            "sender",
            "user",
            "displayName",
            "cardholder",
            "cardholder_name",
            "account_holder",
            "assignee",
            "created_by",
            "createdBy",
            "updated_by",
            "reviewer",
            "signer",
            "contactPerson",
            "contact_name",
            "billing_name",
            "shipTo",
            "guest",
            "passenger_name",
            "student",
            "teacher",
            "doctor",
            "physician",
            "requested_by",
            "approver",
            "beneficiary",
            "emergency_contact",
            "Name",
            "Full Name",
            "Customer",
            "Employee Name",
            "kunde",
            "ansprechpartner",
            "mitarbeiter",
            "patient_name",
            "client_name",
            "titulaire",
            "auteur",
            "cliente",
            "titular",
            "paciente",
            "klant",
            "contactpersoon",
            "intestatario",
            "paziente",
            "from",
            "to",
            "speaker",
            "host",
            "participant",
        ];
        const FIRST_KEYS: &[&str] = &[
            "first_name",
            "firstName",
            "firstname",
            "given_name",
            "givenName",
            "First Name",
            "vorname",
            "prenom",
            "prénom",
            "nombre",
            "voornaam",
            "nickname",
            "preferred_name",
            "nome",
        ];
        const LAST_KEYS: &[&str] = &[
            "last_name",
            "lastName",
            "lastname",
            "surname",
            "family_name",
            "familyName",
            "Last Name",
            "nachname",
            "nom",
            "apellidos",
            "apellido",
            "achternaam",
            "cognome",
            "sobrenome",
            "maiden_name",
        ];
        const OTHER_KEYS: &[(&str, &str)] = &[
            ("id", "id"),
            ("type", "word"),
            ("status", "word"),
            ("title", "Words"),
            ("product_name", "product"),
            ("productName", "Words"),
            ("product", "product"),
            ("file_name", "snake"),
            ("filename", "snake"),
            ("hostname", "snake"),
            ("event_name", "snake"),
            ("service_name", "snake"),
            ("company", "firm"),
            ("company_name", "org"),
            ("employer", "org"),
            ("organization", "org"),
            ("vendor", "firm"),
            ("brand", "firm"),
            ("city", "city"),
            ("country", "place"),
            ("state", "place"),
            ("location", "city"),
            ("description", "words"),
            ("notes", "words"),
            ("message", "words"),
            ("error", "words"),
            ("tool", "tool"),
            ("framework", "tool"),
            ("language", "tool"),
            ("model", "product"),
            ("category", "Word"),
            ("department", "Word"),
            ("theme", "Word"),
            ("table_name", "snake"),
            ("class_name", "Type"),
            ("className", "Type"),
            ("function", "var"),
            ("method", "var"),
            ("column_name", "snake"),
            ("email", "email"),
            ("phone", "phone"),
            ("address", "addr"),
            ("street", "street"),
            ("date", "date"),
            ("created_at", "ts"),
            ("url", "url"),
            ("amount", "money"),
            ("job_title", "job"),
            ("role", "job"),
            ("topic", "eponym"),
            ("tag", "word"),
            ("label", "Word"),
            ("project", "Words"),
            ("project_name", "Word"),
            ("team_name", "Words"),
            ("app_name", "Word"),
            ("username", "user"),
            ("user_name", "user"),
            ("login", "user"),
            ("key", "snake"),
            ("branch", "snake"),
            ("version", "num"),
            ("display_name", "Words"),
            ("name_of_product", "product"),
            ("course", "Words"),
            ("subject", "Words"),
            ("ort", "city"),
            ("stadt", "city"),
            ("firma", "org"),
            ("ville", "city"),
            ("ciudad", "city"),
            ("empresa", "org"),
            ("plaats", "city"),
            ("bedrijf", "org"),
            ("azienda", "org"),
            ("citta", "city"),
            ("produkt", "product"),
        ];
        let mut fields: Vec<(&str, &str)> = Vec::new();
        match dice.below(10) {
            0..4 => fields.push((*dice.pick(PERSON_KEYS), "n")),
            4..6 => fields.extend([(*dice.pick(FIRST_KEYS), "f1"), (*dice.pick(LAST_KEYS), "l1")]),
            6 => fields.push((*dice.pick(FIRST_KEYS), "f")),
            7 => fields.push((*dice.pick(LAST_KEYS), "l")),
            _ => {}
        }
        for _ in 0..1 + dice.below(5) {
            fields.push(*dice.pick(OTHER_KEYS));
        }
        dice.shuffle(&mut fields);
        let fold = fold(fields[0].0);
        let clean = !fields.iter().any(|(_, slot)| matches!(*slot, "n" | "f" | "l" | "f1" | "l1"));
        if dice.percent(45) {
            let mut writer = Writer::new(self, language, dice);
            writer.case = Case::Plain;
            return fields
                .iter()
                .map(|(key, slot)| {
                    writer.text.clear();
                    writer.names.clear();
                    writer.claimed.clear();
                    writer.slot(slot, dice);
                    let mut text = writer.text_so_far(set(language, clean), fold);
                    text.key = Some((*key).to_owned());
                    text
                })
                .collect();
        }
        let mut writer = Writer::new(self, language, dice);
        writer.case = Case::Plain;
        let (open, quote, colon, comma, close) = match dice.below(5) {
            0 => ("{", "\"", ":", ",", "}"),
            1 => ("{\n  ", "\"", ": ", ",\n  ", "\n}"),
            2 => ("", "", ": ", "\n", ""),
            3 => ("", "", "=", "&", ""),
            _ => ("{", "\"", ": ", ", ", "}"),
        };
        writer.plain(open);
        for (index, (key, slot)) in fields.iter().enumerate() {
            if index > 0 {
                writer.plain(comma);
            }
            writer.plain(&format!("{quote}{key}{quote}{colon}{quote}"));
            writer.slot(slot, dice);
            writer.plain(quote);
        }
        writer.plain(close);
        vec![writer.finish(set(language, clean), fold)]
    }
}
