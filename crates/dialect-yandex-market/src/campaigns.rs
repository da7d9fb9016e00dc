//! `GET /v2/campaigns`: the cabinet's shops (contract §11). Its answer has no `result` wrapper.

use axum::Json;
use axum::extract::State;
use domain::catalog::Shop;
use domain::id::ShopId;
use serde::Serialize;

use crate::Face;
use crate::auth::Cabinet;
use crate::error::Error;
use crate::paging::PageSize;
use crate::policy::CampaignType;
use crate::request::Parameters;
use crate::wire::Paging;

/// How many shops a page holds.
const CAMPAIGNS: PageSize = PageSize { default: 100, max: 100 };

/// How many shops the older paging, by page numbers, reaches.
const NUMBERED_MAX: usize = 1000;

#[derive(Debug, Serialize)]
pub(crate) struct CampaignPage {
    campaigns: Vec<Campaign>,
    paging: Paging,
    #[serde(skip_serializing_if = "Option::is_none")]
    pager: Option<Pager>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Campaign {
    id: i64,
    domain: String,
    business: Business,
    placement_type: &'static str,
    api_availability: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Business {
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The older paging.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pager {
    total: usize,
    from: usize,
    to: usize,
    current_page: usize,
    pages_count: usize,
    page_size: usize,
}

/// The shops that the credential reaches, by rising id.
pub(crate) async fn get_campaigns(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
) -> Result<Json<CampaignPage>, Error> {
    let page = parameters.0.optional_i32("page")?;
    let page_size = parameters.0.optional_i32("pageSize")?;
    if page.is_some() || page_size.is_some() {
        let page_size = page_size.unwrap_or(CAMPAIGNS.default);
        return numbered_page(&face, &cabinet, page.unwrap_or(1), page_size).await;
    }
    let limit = parameters.limit(CAMPAIGNS)?;
    let purpose = format!("yandex-market getCampaigns {}", cabinet.account());
    let after = parameters.after(&face.engine, &purpose)?.and_then(ShopId::new);
    let page = face.engine.shops(&cabinet.caller, after, limit).await?;
    let last = page.last_if_more().map(|shop| shop.id.get());
    Ok(Json(CampaignPage {
        campaigns: campaigns(page.items, &cabinet),
        paging: Paging::after(&face.engine, &purpose, last),
        pager: None,
    }))
}

/// The page with a number, as older clients ask for it.
async fn numbered_page(
    face: &Face,
    cabinet: &Cabinet,
    page: i32,
    page_size: i32,
) -> Result<Json<CampaignPage>, Error> {
    for (name, value) in [("page", page), ("pageSize", page_size)] {
        if value < 1 {
            return Err(Error::too_small(name, 1, value.into()));
        }
    }
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    let page_size = usize::try_from(page_size.min(CAMPAIGNS.max)).unwrap_or(usize::MAX);

    let shops = face.engine.shops(&cabinet.caller, None, NUMBERED_MAX).await?.items;
    let total = shops.len();
    let skipped = (page - 1).saturating_mul(page_size).min(total);
    let shown: Vec<_> = shops.into_iter().skip(skipped).take(page_size).collect();
    let pager = Pager {
        total,
        from: if shown.is_empty() { 0 } else { skipped + 1 },
        to: if shown.is_empty() { 0 } else { skipped + shown.len() },
        current_page: page,
        pages_count: total.div_ceil(page_size),
        page_size,
    };
    Ok(Json(CampaignPage {
        campaigns: campaigns(shown, cabinet),
        paging: Paging { next_page_token: None },
        pager: Some(pager),
    }))
}

fn campaigns(shops: Vec<Shop>, cabinet: &Cabinet) -> Vec<Campaign> {
    let name = cabinet.card().map(|account| account.display_name.clone());
    let business =
        Business { id: cabinet.account().get(), name: name.filter(|name| !name.is_empty()) };
    let campaign = |shop: Shop| Campaign {
        id: shop.id.get(),
        domain: shop.name,
        business: business.clone(),
        placement_type: CampaignType::of(shop.model).placement(),
        api_availability: "AVAILABLE",
    };
    shops.into_iter().map(campaign).collect()
}
