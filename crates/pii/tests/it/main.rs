//! The engine from outside.

#[test]
fn a_few() {
    let detector = portcullis_pii::Detector::default();
    let mut scanner = portcullis_pii::Scanner::default();
    for text in [
        "my ssn is 536-90-4399 and card 4111 1111 1111 1111, mail jane@example.com.",
        "order number 536-90-4399",
        "SSN: 943-46-2198",
        "536904399",
        "card 4007070753690781 ok",
    ] {
        println!("{text}");
        for f in scanner.scan(&detector, text) {
            println!("   {:?} {:?}", f, &text[f.start..f.end]);
        }
    }
}
