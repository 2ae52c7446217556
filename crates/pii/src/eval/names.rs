//! What other people call our types.

use crate::Entity;

/// Names in the data sets of others, and our ids.
const NAMES: &[(&str, &str)] = &[
    ("EMAIL_ADDRESS", "EMAIL"),
    ("PHONE_NUMBER", "PHONE"),
    ("TELEPHONE", "PHONE"),
    ("CREDIT_CARD_NUMBER", "CREDIT_CARD"),
    ("CREDIT_DEBIT_NUMBER", "CREDIT_CARD"),
    ("CREDIT_DEBIT_CVV", "CARD_CVV"),
    ("CREDIT_DEBIT_EXPIRY", "CARD_EXPIRY"),
    ("CVV", "CARD_CVV"),
    ("IBAN_CODE", "IBAN"),
    ("SWIFT_CODE", "SWIFT_BIC"),
    ("SWIFT_BIC_CODE", "SWIFT_BIC"),
    ("BIC", "SWIFT_BIC"),
    ("BANK_ROUTING", "US_BANK_ROUTING"),
    ("BANK_ROUTING_NUMBER", "US_BANK_ROUTING"),
    ("ABA_ROUTING_NUMBER", "US_BANK_ROUTING"),
    ("BANK_ACCOUNT_NUMBER", "BANK_ACCOUNT"),
    ("US_BANK_NUMBER", "BANK_ACCOUNT"),
    ("CRYPTO", "CRYPTO_ADDRESS"),
    ("CRYPTOCURRENCY_ADDRESS", "CRYPTO_ADDRESS"),
    ("SSN", "US_SSN"),
    ("SOCIAL_SECURITY_NUMBER", "US_SSN"),
    ("NPI_NUMBER", "US_NPI"),
    ("DEA_NUMBER", "US_DEA"),
    ("MEDICAL_LICENSE", "US_DEA"),
    ("DRIVER_LICENSE_NUMBER", "US_DRIVER_LICENSE"),
    ("DRIVER_ID", "US_DRIVER_LICENSE"),
    ("PASSPORT_NUMBER", "PASSPORT"),
    ("US_PASSPORT", "PASSPORT"),
    ("VEHICLE_IDENTIFICATION_NUMBER", "VIN"),
    ("LATITUDE_LONGITUDE", "GEO_COORDINATE"),
    ("SOCIAL_MEDIA_HANDLE", "HANDLE"),
    ("MEDICAL_RECORD_NUMBER", "MEDICAL_RECORD"),
    ("HEALTH_INSURANCE_ID", "HEALTH_PLAN"),
    ("INSURANCE_POLICY_NUMBER", "HEALTH_PLAN"),
    ("COURT_CASE_NUMBER", "CASE_NUMBER"),
    ("DOCKET_NUMBER", "CASE_NUMBER"),
    ("STREET_ADDRESS", "ADDRESS"),
    ("ZIP_CODE", "ADDRESS"),
    ("POSTAL_CODE", "ADDRESS"),
    ("DOMAIN_NAME", "URL"),
    ("NAME", "PERSON"),
    ("PERSON_NAME", "PERSON"),
    ("PER", "PERSON"),
    ("LOC", "LOCATION"),
    ("GPE", "LOCATION"),
    ("LOCATION_NAME", "LOCATION"),
    ("ORG", "ORGANIZATION"),
    ("ORGANIZATION_NAME", "ORGANIZATION"),
    ("NATIONALITY", "NRP"),
    ("RELIGIOUS_BELIEF", "NRP"),
    ("POLITICAL_OPINION", "NRP"),
    ("ETHNICITY", "NRP"),
    ("DATE_TIME", "DATE"),
    ("TIMESTAMP", "DATE"),
];

/// Our id for a type of that name; `None` if we have no such type.
#[must_use]
pub fn canonical(name: &str) -> Option<&'static str> {
    if let Some(entity) = Entity::parse(name) {
        return Some(entity.id());
    }
    NAMES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}
