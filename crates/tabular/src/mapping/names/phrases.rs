//! The phrases behind [`super::score`]: for each field, phrases by how well they fit, 0 to 1.
//!
//! Deliberately data only. Phrases are separated by `|` and written as [`super::normal`] leaves
//! names: lower case, no accents.

/// Phrases with the weight of an exact match.
pub(super) type Phrases = &'static [(f64, &'static str)];

/// Names of won, lost or open.
pub(super) const OUTCOME: Phrases = &[
    (
        0.97,
        "outcome|is won|won lost|win loss|is closed won|quote result|bid result|won lost open|\
         quote outcome|deal outcome|angebotsergebnis|gewonnen verloren|gagne perdu|\
         ganado perdido|wygrana przegrana|resultat du devis|wynik oferty|angebotsstatus|\
         quote status|bid status|statut du devis|estado de la oferta|status oferty|lost",
    ),
    (
        0.95,
        "result|win|won|ergebnis|gewonnen|resultat|gagne|resultado|ganado|wynik|rezultat|wygrana",
    ),
    (
        0.9,
        "awarded|accepted|zuschlag|ausgang|deal stage|opportunity result|opportunity status|\
         deal status|stage name|verloren|perdu|perdido|etat|etape|etapa|auftrag erhalten|\
         order received|zuschlag erteilt|is lost|entschieden",
    ),
    (0.85, "status|statut|estado"),
    (0.7, "stage|phase|status reason|verkaufsphase|etap"),
    (0.6, "issue"),
];

/// Names of the quoted price.
pub(super) const PRICE: Phrases = &[
    (
        0.97,
        "quote price|quoted price|offer price|bid amount|bid price|angebotspreis|cena ofertowa|\
         quote total|grand total|angebotsbetrag|angebotspreis netto|nettoangebotspreis|\
         prix propose|prix offert|montant du devis|precio ofertado|importe oferta|\
         importe de la oferta|cena oferty|wartosc oferty|kwota oferty|netwr|proposed price|\
         tender price",
    ),
    (
        0.95,
        "price|unit price|selling price|quote amount|offer amount|preis|verkaufspreis|\
         angebotssumme|prix|prix unitaire|prix de vente|precio|precio unitario|precio de venta|\
         cena",
    ),
    (
        0.93,
        "sale price|sales price|net price|deal amount|stuckpreis|nettopreis|angebotswert|\
         cena netto",
    ),
    (
        0.9,
        "quote value|deal value|montant ht|net value|net amount|netto|netto preis|nettowert|\
         nettobetrag|einzelpreis|ep|stueckpreis|prix net|prix ht|total ht|precio neto|\
         cena jednostkowa|opportunity amount|angebotsvolumen|auftragswert|wartosc netto|\
         kwota netto|valor|est revenue|estimated revenue|verkaufspreis netto",
    ),
    (
        0.85,
        "total price|amount|total amount|gesamtpreis|betrag|montant|importe|monto|kwota",
    ),
    (0.8, "deal size"),
    (
        0.7,
        "wartosc|revenue|umsatz|sum|summe|total|umsatzerwartung",
    ),
    (0.6, "value"),
];

/// Names of the date of the quote.
pub(super) const DATE: Phrases = &[
    (
        0.97,
        "quote date|quoted on|quoted at|offer date|bid date|angebotsdatum|date du devis|\
         date devis|date offre|fecha de oferta|fecha oferta|data oferty|quotation date|date d emission|date emission|fecha de emision|ausstellungsdatum|data sporzadzenia|\
         date quoted|proposal date|devis date|data wystawienia|fecha de cotizacion|\
         fecha cotizacion|fecha presupuesto|angebot vom|quote created|date du document|issued on|\
         issue date",
    ),
    (0.95, "date|let date|datum|fecha"),
    (0.9, "data"),
    (
        0.85,
        "created at|created date|created time|creation time|create time|creation date|erstellt am|data utworzenia|created on|\
         create date|deal created|belegdatum|angelegt am|erstelldatum|erstellungsdatum|\
         erstellungs datum|erdat|document date|date de creation|date creation|fecha de creacion|\
         fecha creacion|data dokumentu|submitted|submission date|sent on|sent date|date sent|\
         effective from|opened|cree le",
    ),
    (0.8, "order date|created|erstellt"),
    (
        0.3,
        "modified date|modified on|modified time|last modified date|last modified|last activity date|\
         updated at|delivery date|due date|won time|won date|lost time|lost date|invoice date|\
         liefertermin|lieferdatum|rechnungsdatum|geandert am|date de livraison|fecha de entrega|\
         data dostawy|birth date|geburtsdatum",
    ),
    (
        0.55,
        "expected close date|estimated close date|close date|closing date|closed date|est close date|abschlussdatum|date de cloture|\
         fecha de cierre|data zamkniecia",
    ),
];

/// Names of the cost.
pub(super) const COST: Phrases = &[
    (
        0.97,
        "unit cost|selbstkosten|cout unitaire|prix de revient|coste unitario|cena zakupu",
    ),
    (
        0.95,
        "cost|costs|cogs|kosten|stuckkosten|einkaufspreis|herstellkosten|cout|prix d achat|coste|\
         costo|koszt|koszty|prime cost|cost price|purchase price|cost of goods sold|\
         cost of goods|ek|ek preis|einkaufskosten|einstandspreis|gestehungskosten|\
         herstellungskosten|couts|cout total|prix achat|precio de compra|precio de coste|costos|\
         costes|costo unitario|koszt jednostkowy|koszt wlasny|cena nabycia|our cost|wavwr",
    ),
    (0.85, "total cost"),
];

/// Names of the list price.
pub(super) const LIST_PRICE: Phrases = &[
    (
        0.98,
        "list price|precio de lista|cena katalogowa|cena cennikowa",
    ),
    (
        0.97,
        "msrp|rrp|catalog price|catalogue price|listenpreis|katalogpreis|prix catalogue|\
         precio de catalogo|listprice|catalog list price|standard price|bruttolistenpreis|\
         listenpreis netto|tarif public|prix tarif|prix de liste|prix liste|tarif catalogue|\
         tarifa|pvp|precio tarifa|precio lista|precio catalogo|cena z cennika|cennik|\
         cena detaliczna|manufacturer suggested retail price|recommended retail price",
    ),
    (0.95, "uvp|prix public"),
];

/// Names of the discount.
pub(super) const DISCOUNT: Phrases = &[
    (0.97, "discount percent"),
    (
        0.95,
        "discount|discounts|rabatt|nachlass|remise|rabais|descuento|rabat|upust|rabatt prozent|\
         rabattsatz|skonto|taux de remise|remise pct|dto|descuentos|bonificacion|rabat procent|\
         znizka|discount rate|discount amount|price reduction",
    ),
    (0.9, "rebate"),
];

/// Names of the quantity.
pub(super) const QUANTITY: Phrases = &[
    (
        0.97,
        "quantity|qty|menge|stuckzahl|quantite|qte|cantidad|ilosc|liczba sztuk",
    ),
    (
        0.95,
        "order quantity|units ordered|number of units|stk|stueck|stuck|stueckzahl|auftragsmenge|\
         angebotsmenge|bestellmenge|kwmeng|nombre|nb|nombre d unites|unites|cant|liczba|szt|\
         sztuk|pcs|count of units|mge",
    ),
    (0.93, "units|anzahl|unidades"),
    (0.9, "pieces"),
    (0.85, "units sold"),
    (0.7, "volume"),
];

/// Names of the identifier of the quote.
pub(super) const QUOTE_ID: Phrases = &[
    (
        0.97,
        "quote id|quote no|quote nr|quote number|bid no|bid id|bid number|offer id|offer no|\
         offer number|angebotsnummer|angebotsnr|\
         angebots nr|angebot nr|no devis|numero de devis|numero devis|numero de oferta|\
         numero oferta|nr oferty|numer oferty|quotation number|quotation id|quotation|quote|\
         proposal number|proposal id|angebots id|angebot|belegnummer|verkaufsbeleg|vbeln|\
         sales document|devis|reference devis|ref devis|presupuesto number|number presupuesto|\
         cotizacion number|number cotizacion|oferta number|number oferta|offerte number|\
         offre number|number offre|tender number|vorgangsnummer|record id|id oferty|id oferta|\
         id devis|id angebot",
    ),
    // A deal may have several quotes.
    (0.93, "opportunity number|opportunity id|deal id"),
    (0.85, "id"),
];

/// Names of the tender.
pub(super) const GROUP: Phrases = &[
    (0.97, "tender id"),
    (
        0.95,
        "project id|tender|rfq|rfp|ausschreibung|appel d offres|licitacion|przetarg",
    ),
    (0.9, "project|auction|projekt|projet|proyecto|zapytanie"),
];

/// Names of the currency.
pub(super) const CURRENCY: Phrases = &[(
    0.97,
    "currency|currency code|currency iso code|document currency|deal currency|wahrung|\
         waehrung|wahrungscode|belegwahrung|waerk|devise|monnaie|moneda|divisa|waluta|curr|ccy|\
         transaction currency|currency of value|transaktionswahrung|code devise",
)];

/// Names of the customer.
pub(super) const CUSTOMER: Phrases = &[(
    0.95,
    "customer|customer name|account|account name|client|client name|company|company name|\
         potential customer|associated company|buyer|organization|organisation|sold to|\
         sold to party|kunnr|debtor|kunde|kundenname|kunden|firma|unternehmen|auftraggeber|\
         debitor|nom client|nom du client|societe|entreprise|acheteur|cliente|nombre cliente|\
         nombre del cliente|empresa|razon social|comprador|klient|kontrahent|nabywca|odbiorca|\
         nazwa klienta|zleceniodawca|firmenname|raison sociale|customer account",
)];

/// Names of the product.
pub(super) const PRODUCT: Phrases = &[(
    0.95,
    "product|product name|product code|product family|product line|item|item name|article|\
         sku|material|matnr|part|part number|model|produkt|produktname|artikel|\
         artikelbezeichnung|artikelname|artikelnummer|materialnummer|erzeugnis|produit|\
         nom du produit|reference produit|produits|producto|articulo|nombre producto|towar|wyrob|\
         nazwa produktu|indeks|usluga|produkte|product description|asortyment",
)];

/// Names of the region.
pub(super) const REGION: Phrases = &[
    (
        0.95,
        "region|sales region|territory|sales territory|area|sales area|zone|market area|vkorg|\
         sales organization|gebiet|vertriebsgebiet|verkaufsgebiet|bundesland|territoire|\
         secteur geographique|zona|comunidad|territorio|wojewodztwo|obszar|rejon|teren",
    ),
    (
        0.85,
        "country|billing country|land|pays|pais|kraj|state|province|provincia|county|\
         billing state|bezirk|departement",
    ),
];

/// Names of the owner.
pub(super) const OWNER: Phrases = &[(
    0.95,
    "owner|deal owner|opportunity owner|quote owner|account owner|account manager|\
         account executive|sales rep|sales representative|salesperson|sales person|salesman|\
         sales employee|sales manager|rep|seller|assigned to|owner name|responsible|verkaufer|\
         verkaeufer|vertriebler|vertriebsmitarbeiter|aussendienst|aussendienstmitarbeiter|adm|\
         sachbearbeiter|zustandig|betreuer|kundenbetreuer|besitzer|verantwortlicher|bearbeiter|\
         commercial|vendeur|responsable|proprietaire|charge d affaires|comercial|vendedor|\
         propietario|agente|handlowiec|sprzedawca|opiekun|opiekun klienta|przedstawiciel|\
         przedstawiciel handlowy|wlasciciel|created by|estimator",
)];

/// Names of the segment.
pub(super) const SEGMENT: Phrases = &[
    (
        0.95,
        "segment|customer segment|market segment|customer group|customer type|industry|sector|\
         vertical|account type|marktsegment|kundensegment|kundengruppe|kundentyp|branche|\
         kundenart|segment client|type de client|secteur|secteur d activite|segmento|\
         tipo de cliente|industria|segment klienta|branza|typ klienta|grupa klientow|\
         business segment|market",
    ),
    (0.85, "tier|company size|unternehmensgrosse"),
];

/// Names of the revision.
pub(super) const REVISION: Phrases = &[(
    0.95,
    "revision|rev|revision number|revision id|quote revision|version|quote version|\
         version number|angebotsversion|angebotsrevision|fassung|indice|indice de revision|\
         wersja|rewizja|wersja oferty|revision del presupuesto|number version",
)];

/// Names of the end of validity.
pub(super) const VALID_UNTIL: Phrases = &[(
    0.97,
    "valid until|valid to|validity|validity date|expiry|expiry date|expiration|\
         expiration date|expires|expires on|expires at|effective to|gultig bis|gueltig bis|\
         angebot gultig bis|bindefrist|ablaufdatum|gultigkeit|bnddt|valable jusqu au|\
         date de validite|date d expiration|date expiration|validite|valido hasta|valida hasta|\
         fecha de vencimiento|fecha vencimiento|validez|vencimiento|caducidad|wazne do|wazna do|\
         data waznosci|termin waznosci|valid through",
)];

/// Names of personal data.
pub(super) const PERSONAL: Phrases = &[(
    0.95,
    "email|e mail|mail|email address|phone|phone number|telephone|mobile|mobile phone|fax|\
         contact|contact name|contact person|first name|last name|surname|iban|bank account|\
         address|street|birth date|date of birth|birthday|telefon|telefonnummer|handy|mobil|\
         mobilnummer|ansprechpartner|kontaktperson|kontakt|vorname|nachname|adresse|strasse|\
         geburtsdatum|mailadresse|e mail adresse|courriel|adresse mail|adresse email|tel|\
         portable|interlocuteur|personne de contact|prenom|nom de famille|correo|\
         correo electronico|telefono|movil|persona de contacto|contacto|apellido|apellidos|\
         direccion|nombre y apellidos|telefon kontaktowy|osoba kontaktowa|imie|nazwisko|\
         imie i nazwisko|adres|adres email|pesel|ulica|kontonummer|ssn|tax id person|\
         contact email|contact phone",
)];
