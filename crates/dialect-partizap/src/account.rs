//! One's own account: signing up, seeing it, changing it (Partizap contract §2.2).

use axum::extract::State;
use axum::response::Response;
use domain::account::{Account, AccountKind};
use domain::id::AccountId;
use http::{HeaderMap, StatusCode};
use http_kit::client_address::ClientAddress;
use http_kit::json::Fields;
use serde::Serialize;

use crate::Face;
use crate::auth::browser_of;
use crate::body::{NOT_AN_ID, Object, of_field};
use crate::error::{Details, Error};
use crate::pace::{Reads, Uncounted, Visitor, take_login, take_verification};
use crate::sessions::begin;
use crate::wire::{Data, Extras, OwnProfile, Writer};

/// The longest e-mail address, in characters (RFC 5321 allows no more).
pub(crate) const EMAIL_CHARS_MAX: usize = 254;
/// The longest password, in characters: long enough for any phrase, and a bound on the work of hashing.
pub(crate) const PASSWORD_CHARS_MAX: usize = 256;
/// The shortest password, in characters.
const PASSWORD_CHARS_MIN: usize = 8;
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// How many digits a telephone number has.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// `POST /auth/register`: signs somebody up and in.
pub(crate) async fn register(
    State(face): State<Face>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    body: Object,
) -> Result<Response, Error> {
    if !face.settings.registration {
        return Err(Error::RegistrationClosed);
    }
    let fields = body.fields()?;
    let mut details = Details::default();
    let email = required_within(&fields, "email", EMAIL_CHARS_MAX, &mut details)
        .and_then(|email| details.take("email", email_address(email)));
    let name = fields.required_text("display_name").map_err(|problem| of_field(&problem));
    let name = details.take("display_name", name.and_then(display_name));
    let password = required_within(&fields, "password", PASSWORD_CHARS_MAX, &mut details)
        .and_then(|password| details.take("password", new_password(password)));
    let (Some(email), Some(display_name), Some(password)) = (email, name, password) else {
        return Err(Error::Invalid(details));
    };
    take_login(&face, &format!("{address} {}", email.to_lowercase())).await?;

    // The store chooses another id.
    let account = Account::new(AccountId::LARGEST, display_name, face.engine.now());
    let account = Account { email: Some(email), ..account };
    let account = face.engine.register(account, password).await?.map_err(Error::from)?;
    begin(&face, StatusCode::CREATED, &account, browser_of(&headers, address)).await
}

/// `GET /vendor/me`
pub(crate) async fn me(
    State(face): State<Face>,
    visitor: Visitor<Reads>,
) -> Result<Data<OwnProfile>, Error> {
    let account = &visitor.signed_in.account;
    Ok(Data { data: Writer::new(&face, account.id).own_profile(account) })
}

/// `PUT /vendor/me`: changes what is given. A null takes away what can be absent, and means "not given" for the rest.
pub(crate) async fn update(
    State(face): State<Face>,
    visitor: Visitor<Uncounted>,
    body: Object,
) -> Result<Data<OwnProfile>, Error> {
    let fields = body.fields()?;
    let mut details = Details::default();
    let change = ProfileChange::read(&fields, &mut details);
    let passwords = change_of_password(&fields, &mut details);
    details.require_none()?;

    let id = visitor.signed_in.account.id;
    if let Some(passwords) = passwords {
        take_login(&face, &format!("account {id}")).await?;
        let current = passwords.current.to_owned();
        if !face.engine.is_password_of(id, current).await? {
            return Err(Error::of_field("current_password", "Is wrong"));
        }
        face.engine.set_password(id, passwords.new).await?;
    }
    let account = face.engine.change_account(id, |account| change.apply_to(account)).await?;
    let account = account.map_err(Error::from)?;
    Ok(Data { data: Writer::new(&face, id).own_profile(&account) })
}

/// What a request for a verification mail answers.
#[derive(Serialize)]
pub(crate) struct Sent {
    sent: bool,
}

/// `POST /auth/resend-verification`. Torg sends no mail: it tells the operator's log, from where the marketplace's
/// mailer can be driven.
pub(crate) async fn resend_verification(
    State(face): State<Face>,
    visitor: Visitor<Uncounted>,
) -> Result<Data<Sent>, Error> {
    take_verification(&face, &visitor).await?;
    let account = &visitor.signed_in.account;
    tracing::info!(
        account = account.id.get(),
        verified = account.email_verified,
        "somebody asks for another verification mail, which this server does not send"
    );
    Ok(Data { data: Sent { sent: true } })
}

/// The two passwords of a change.
struct Passwords<'a> {
    current: &'a str,
    new: String,
}

/// The places of an account that only this wire knows of.
const EXTRA_PLACES: [&str; 2] = ["district_id", "metro_station_id"];

/// What somebody changes in their own account: none is what stays, an inner none what is taken away.
#[expect(clippy::option_option, reason = "absent, null and a value are three different things")]
struct ProfileChange {
    display_name: Option<String>,
    kind: Option<AccountKind>,
    phone: Option<Option<String>>,
    city_id: Option<Option<i64>>,
    extra_places: [Option<Option<i64>>; EXTRA_PLACES.len()],
}

impl ProfileChange {
    fn read(fields: &Fields<'_>, details: &mut Details) -> Self {
        let name = given_text(fields, "display_name", details);
        Self {
            display_name: name.and_then(|name| details.take("display_name", display_name(name))),
            kind: given_text(fields, "account_type", details)
                .and_then(|kind| details.take("account_type", account_type(kind))),
            phone: fields.field("phone").value().map(|_| {
                let phone = given_text(fields, "phone", details);
                phone.and_then(|phone| details.take("phone", phone_number(phone)))
            }),
            city_id: given_place(fields, "city_id", details),
            extra_places: EXTRA_PLACES.map(|place| given_place(fields, place, details)),
        }
    }

    fn apply_to(&self, account: &mut Account) {
        if let Some(name) = &self.display_name {
            account.display_name.clone_from(name);
        }
        if let Some(kind) = self.kind {
            account.kind = kind;
        }
        if let Some(phone) = &self.phone {
            account.phone.clone_from(phone);
        }
        if let Some(city_id) = self.city_id {
            account.city_id = city_id;
        }
        if self.extra_places.iter().any(Option::is_some) {
            let mut extras = Extras::of(&account.attributes);
            for (place, given) in EXTRA_PLACES.into_iter().zip(self.extra_places) {
                if let Some(id) = given {
                    extras.set(place, id);
                }
            }
            account.attributes = extras.into_attributes();
        }
    }
}

fn account_type(kind: &str) -> Result<AccountKind, String> {
    match kind {
        "private" => Ok(AccountKind::Private),
        "company" => Ok(AccountKind::Company),
        _ => Err("Must be private or company".to_owned()),
    }
}

fn change_of_password<'a>(fields: &Fields<'a>, details: &mut Details) -> Option<Passwords<'a>> {
    let current = given_text(fields, "current_password", details);
    let new = given_text(fields, "password", details);
    match (current, new) {
        (None, None) => None,
        (Some(_), None) => {
            details.add("password", "Is required with current_password");
            None
        }
        (None, Some(_)) => {
            details.add("current_password", "Is required with password");
            None
        }
        (Some(current), Some(new)) => {
            details.take("current_password", within(current, PASSWORD_CHARS_MAX));
            let new = within(new, PASSWORD_CHARS_MAX).and_then(new_password);
            Some(Passwords { current, new: details.take("password", new)? })
        }
    }
}

/// The text of `field` if it is given, and not null.
fn given_text<'a>(
    fields: &Fields<'a>,
    field: &'static str,
    details: &mut Details,
) -> Option<&'a str> {
    let text = fields.optional_text(field).map_err(|problem| of_field(&problem));
    details.take(field, text).flatten()
}

/// The number of a place if it is given; the inner none is an explicit null, which takes it away.
#[expect(clippy::option_option, reason = "absent, null and a number are three different things")]
fn given_place(
    fields: &Fields<'_>,
    field: &'static str,
    details: &mut Details,
) -> Option<Option<i64>> {
    fields.field(field).value()?;
    let place = fields.optional_i64(field).map_err(|_| NOT_AN_ID.to_owned());
    let place = place.and_then(|place| match place {
        Some(id) if !(1..=domain::id::LARGEST_ID).contains(&id) => Err(NOT_AN_ID.to_owned()),
        other => Ok(other),
    });
    details.take(field, place)
}

/// The text of `field`, which must be there, not be empty, and have at most `chars_max` characters.
pub(crate) fn required_within<'a>(
    fields: &Fields<'a>,
    field: &'static str,
    chars_max: usize,
    details: &mut Details,
) -> Option<&'a str> {
    let text = fields.required_text(field).map_err(|problem| of_field(&problem));
    let text = text.and_then(|text| {
        if text.trim().is_empty() { Err("Is required".to_owned()) } else { within(text, chars_max) }
    });
    details.take(field, text)
}

fn within(text: &str, chars_max: usize) -> Result<&str, String> {
    if text.chars().count() <= chars_max {
        Ok(text)
    } else {
        Err(format!("Must have at most {chars_max} characters"))
    }
}

fn display_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err("Must not be empty".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("Must not contain control characters".to_owned());
    }
    within(name, NAME_CHARS_MAX).map(str::to_owned)
}

/// Whether it is an address, only a mail can tell; this finds what cannot be one.
fn email_address(email: &str) -> Result<String, String> {
    let email = email.trim();
    let is_plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = email.rsplit_once('@');
    let is_address = parts.is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.starts_with('.') && !host.ends_with('.')
    });
    if is_plain && is_address {
        Ok(email.to_owned())
    } else {
        Err("Must be an e-mail address".to_owned())
    }
}

fn new_password(password: &str) -> Result<String, String> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(format!("Must have at least {PASSWORD_CHARS_MIN} characters"));
    }
    Ok(password.to_owned())
}

/// `+79991234567`.
fn phone_number(phone: &str) -> Result<String, String> {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    let is_number =
        PHONE_DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Ok(phone.to_owned()) } else { Err("Must look like +79991234567".to_owned()) }
}
