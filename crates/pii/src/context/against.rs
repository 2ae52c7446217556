//! Words that speak against a number's being personal, whatever its form.

/// In English, German, French, Spanish, Dutch, Portuguese and Italian.
pub(crate) const AGAINST: &str = "order, order number, order id, orders, invoice, invoice number, \
    receipt, tracking, tracking number, shipment, parcel, isbn, issn, ean, upc, gtin, barcode, doi, \
    version, versions, build, revision, release, sku, serial, serial number, part number, part no, \
    model, batch, lot, ticket, ticket number, ticket id, sha, sha1, sha256, md5, checksum, hash, \
    commit, changeset, issue, pull request, bug, error code, exit code, status code, pid, uid, gid, \
    port, offset, address space, timestamp, epoch, unix time, uuid, guid, trace id, request id, \
    transaction id, session id, message id, correlation id, page, pages, chapter, section, figure, \
    table, row, rows, column, line, lines, index, count, total, sum, size, length, bytes, population, \
    amount, price, cost, product, product code, product number, item, item number, article number, \
    catalog number, seed, constant, coupon, coupon code, voucher, promo code, discount code, \
    reference number, confirmation number, confirmation code, booking, booking reference, flight, \
    version number, build number, frequency, resolution, patent, patent number, standard, rfc, iso, \
    bestellung, bestellnummer, auftrag, auftragsnummer, rechnung, rechnungsnummer, rechnungsnr, \
    sendung, sendungsnummer, artikelnummer, artikel, seriennummer, versionsnummer, seite, zeile, \
    ticketnummer, vorgangsnummer, gutschein, gutscheincode, angebotsnummer, lieferschein, \
    commande, numero de commande, facture, numero de facture, colis, numero de suivi, article, \
    numero de serie, reference, devis, bon de commande, \
    pedido, numero de pedido, factura, numero de factura, numero de envio, seguimiento, numero de seguimiento, \
    articulo, albaran, presupuesto, \
    bestelling, bestelnummer, factuur, factuurnummer, zending, artikelnummer, serienummer, pakket, \
    encomenda, numero do pedido, fatura, nota fiscal, rastreio, codigo de rastreio, numero de serie, \
    ordine, numero ordine, numero d ordine, fattura, numero fattura, spedizione, \
    codice articolo, numero di serie, preventivo";
