//! Managing push subscriptions: addresses, and the types that each is told (Ozon contract §10). An address is a webhook
//! in Ozon's format.

mod requests;

use axum::Json;
use axum::extract::State;
use domain::id::{AccountId, WebhookId};
use engine::store::{Webhook, WebhookState};
use webhooks::{Attempt, NewWebhook, WebhookChange, WebhookError, WebhookReport, Webhooks};

use crate::Face;
use crate::auth::Seller;
use crate::body::Body;
use crate::error::Error;
use crate::push::PUSH_FORMAT;
use crate::push::answer::CheckFailure;
use crate::push::types::PUSH_TYPES;
use crate::wire::{
    Address, AddressList, CheckError, Checked, Empty, Endpoint, Milliseconds, TypeList, TypeRow,
    TypeSubscription,
};
use requests::{
    CheckRequest, DeleteRequest, EnableRequest, ListRequest, PushTypesRequest, SetRequest,
    UpdateRequest,
};

/// `POST /v1/notification/set`
pub(crate) async fn set(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<SetRequest>,
) -> Result<Json<Empty>, Error> {
    let account = seller.caller.account();
    let new = NewWebhook {
        format: PUSH_FORMAT.to_owned(),
        url: request.url,
        url_is_exact: true,
        name: String::new(),
        types: request.types,
    };
    face.webhooks.create(account, new).await?;
    Ok(Json(Empty {}))
}

/// `POST /v1/notification/update`. An address that is confirmed by this is told again, if it was suspended.
pub(crate) async fn update(
    State(face): State<Face>,
    seller: Seller,
    Body(UpdateRequest { id, url, types }): Body<UpdateRequest>,
) -> Result<Json<Empty>, Error> {
    let (webhooks, account) = (&face.webhooks, seller.caller.account());
    let before = own_address(webhooks, account, id).await?;
    if url.as_ref() == Some(&before.url) {
        require_confirmed(&webhooks.ping(account, id).await?)?;
    }
    let confirmed = url.is_some();
    let change = WebhookChange { url, types, ..WebhookChange::default() };
    let after = webhooks.change(account, id, change).await?;
    if confirmed && after.state == WebhookState::SwitchedOff {
        webhooks.resume(account, id).await?;
    }
    Ok(Json(Empty {}))
}

/// `POST /v1/notification/delete`
pub(crate) async fn delete(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<DeleteRequest>,
) -> Result<Json<Empty>, Error> {
    let account = seller.caller.account();
    own_address(&face.webhooks, account, request.id).await?;
    face.webhooks.delete(account, request.id).await?;
    Ok(Json(Empty {}))
}

/// `POST /v1/notification/enable`. Switching on asks the receiver first, also when it is on already.
pub(crate) async fn enable(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<EnableRequest>,
) -> Result<Json<Empty>, Error> {
    let (webhooks, account, id) = (&face.webhooks, seller.caller.account(), request.id);
    let address = own_address(webhooks, account, id).await?;
    match (request.enabled, address.state) {
        (false, _) => {
            webhooks.pause(account, id).await?;
        }
        (true, WebhookState::Active) => require_confirmed(&webhooks.ping(account, id).await?)?,
        (true, WebhookState::Paused | WebhookState::SwitchedOff) => {
            webhooks.resume(account, id).await?;
        }
    }
    Ok(Json(Empty {}))
}

/// `POST /v1/notification/check`. Asks any address, also one that is not set.
pub(crate) async fn check(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<CheckRequest>,
) -> Result<Json<Checked>, Error> {
    let account = seller.caller.account();
    let failure = match face.webhooks.check(account, PUSH_FORMAT, &request.url, true).await {
        Ok(ping) if ping.is_accepted() => None,
        Ok(ping) => Some(CheckFailure::named(ping.reason()).ok_or_else(Error::internal)?),
        Err(WebhookError::AddressNotAllowed) => Some(CheckFailure::RequestError),
        Err(error) => return Err(error.into()),
    };
    let errors = failure
        .map(|failure| CheckError { kind: failure.name(), description: failure.description() });
    Ok(Json(Checked { is_active: failure.is_none(), errors: Vec::from_iter(errors) }))
}

/// `POST /v1/notification/list`
pub(crate) async fn list(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<ListRequest>,
) -> Result<Json<AddressList>, Error> {
    let account = seller.caller.account();
    let mut urls = Vec::new();
    for webhook in own_addresses(&face.webhooks, account).await? {
        match face.webhooks.report(account, webhook.id).await {
            Ok(report) => urls.push(row(report)),
            // Deleted in this moment.
            Err(WebhookError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let wanted = &request.availability;
    urls.retain(|row| wanted.is_empty() || wanted.iter().any(|one| one == row.availability_status));
    if request.newest_first {
        urls.reverse();
    }
    let total_count = urls.len();
    let urls = urls.into_iter().skip(request.offset).take(request.limit).collect();
    Ok(Json(AddressList { urls, total_count }))
}

/// `POST /v1/notification/push-type/list`
pub(crate) async fn push_types(
    State(face): State<Face>,
    seller: Seller,
    Body(PushTypesRequest): Body<PushTypesRequest>,
) -> Result<Json<TypeList>, Error> {
    let addresses = own_addresses(&face.webhooks, seller.caller.account()).await?;
    let types = PUSH_TYPES.iter().map(|known| {
        let told = addresses.iter().find(|address| address.wants(known.name));
        TypeSubscription {
            kind: known.name,
            description: known.description,
            seller_endpoint: told
                .map(|address| Endpoint { id: address.id.get(), url: address.url.clone() }),
        }
    });
    Ok(Json(TypeList { types: types.collect() }))
}

/// The seller's webhooks in this format, by age. It may have others, which this wire does not know.
async fn own_addresses(webhooks: &Webhooks, account: AccountId) -> Result<Vec<Webhook>, Error> {
    let mut found = webhooks.list(account).await?;
    found.retain(|webhook| webhook.format == PUSH_FORMAT);
    Ok(found)
}

async fn own_address(
    webhooks: &Webhooks,
    account: AccountId,
    id: WebhookId,
) -> Result<Webhook, Error> {
    let found = webhooks.get(account, id).await?;
    if found.format == PUSH_FORMAT { Ok(found) } else { Err(Error::notification_not_found()) }
}

fn require_confirmed(ping: &Attempt) -> Result<(), Error> {
    if ping.is_accepted() { Ok(()) } else { Err(Error::not_confirmed(ping.reason())) }
}

fn row(WebhookReport { webhook, progress, .. }: WebhookReport) -> Address {
    let types = PUSH_TYPES.iter().filter(|known| webhook.wants(known.name));
    let types = types.map(|known| TypeRow { kind: known.name, description: known.description });
    Address {
        id: webhook.id.get(),
        enable: webhook.state == WebhookState::Active,
        types: types.collect(),
        created_at: Milliseconds(webhook.created_at),
        availability_status: match (webhook.state, progress.health.failing_since) {
            (WebhookState::SwitchedOff, _) => "RED",
            (WebhookState::Active | WebhookState::Paused, Some(_)) => "YELLOW",
            (WebhookState::Active | WebhookState::Paused, None) => "GREEN",
        },
        url: webhook.url,
    }
}
