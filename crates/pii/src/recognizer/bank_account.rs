//! Bank account number.

use super::Recognizer;
use crate::{
    entity::Group,
    scan::{Spaced, Value},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "BANK_ACCOUNT",
    group: Group::Financial,
    title: "bank account number",
    validator: "label; 6 to 34 digits, grouped perhaps, as in sort codes",
    example: "12345678",
    value: Some(Value {
        least: 6,
        most: 34,
        digits: 6,
        letters: 2,
        spaced: Spaced::Any,
        ..Value::PLAIN
    }),
    labels: "account, account number, account no, account nr, account num, acct, acct no, acct \
        number, acc no, acc number, a c no, bank account, bank account number, bank acct, \
        checking account, savings account, current account, sort code, beneficiary account, \
        direct deposit, konto, kontonummer, konto nr, kontonr, bankkonto, bankleitzahl, blz, \
        compte, numero de compte, n de compte, compte bancaire, rib, cuenta, cuenta bancaria, \
        numero de cuenta, n de cuenta, ccc, clabe, clabe interbancaria, rekening, \
        rekeningnummer, bankrekening, rekening nummer, conta, conta bancaria, numero da conta, \
        conta corrente, conta n, conto, conto corrente, numero di conto, numero conto, c c, nib",
    cues: "bank, transfer, wire, deposit, iban, bic, swift, routing, überweisung, virement, \
        transferencia, overboeking, bonifico, payroll",
    against: "analytics, user account, account manager, twitter, github, aws account, account \
        id, account executive",
    ..Recognizer::BLANK
};
