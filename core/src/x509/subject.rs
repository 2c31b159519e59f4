//! The attributes of a certificate's subject, as text.

use const_oid::db::{rfc3280, rfc4519};
use der::asn1::{
    AnyRef, BmpString, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use der::oid::ObjectIdentifier;
use der::{Tag, Tagged as _};

use super::Certificate;

impl Certificate {
    /// The attributes of the subject whose types have names, with their text.
    pub(crate) fn subject_attributes(&self) -> Vec<(&'static str, String)> {
        let attributes = self.subject_name().0.iter().flat_map(|rdn| rdn.0.iter());
        attributes
            .filter_map(|attribute| {
                let name = attribute_name(&attribute.oid)?;
                let value = AnyRef::from(&attribute.value);
                Some((name, text(value)?))
            })
            .collect()
    }
}

/// The name of an attribute type (RFC 4514 section 3, RFC 4519), as trust policies write it.
fn attribute_name(oid: &ObjectIdentifier) -> Option<&'static str> {
    [
        (rfc4519::CN, "CN"),
        (rfc4519::C, "C"),
        (rfc4519::L, "L"),
        (rfc4519::ST, "ST"),
        (rfc4519::STREET, "STREET"),
        (rfc4519::O, "O"),
        (rfc4519::OU, "OU"),
        (rfc4519::DC, "DC"),
        (rfc4519::UID, "UID"),
        (rfc4519::SERIAL_NUMBER, "SERIALNUMBER"),
        (rfc4519::POSTAL_CODE, "POSTALCODE"),
        (rfc3280::EMAIL_ADDRESS, "EMAILADDRESS"),
    ]
    .into_iter()
    .find_map(|(known, name)| (known == *oid).then_some(name))
}

fn text(value: AnyRef<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => Some(Utf8StringRef::try_from(value).ok()?.as_str().to_owned()),
        Tag::PrintableString => Some(
            PrintableStringRef::try_from(value)
                .ok()?
                .as_str()
                .to_owned(),
        ),
        Tag::Ia5String => Some(Ia5StringRef::try_from(value).ok()?.as_str().to_owned()),
        Tag::TeletexString => Some(TeletexStringRef::try_from(value).ok()?.as_str().to_owned()),
        Tag::BmpString => Some(value.decode_as::<BmpString>().ok()?.to_string()),
        _ => None,
    }
}
