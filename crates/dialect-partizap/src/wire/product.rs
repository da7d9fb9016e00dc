//! Products (Partizap contract §3.2).

use domain::account::Attributes;
use domain::catalog::Product;
use domain::chat::{Chat, Context};
use engine::related::Related;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{PublicUser, Writer};

/// The card of a product.
#[derive(Serialize)]
pub(crate) struct ProductSummary {
    pub(super) id: i64,
    pub(super) title: String,
    price: i64,
    steering: Option<String>,
    city_id: Option<i64>,
    region_id: Option<i64>,
    district_id: Option<i64>,
    metro_station_id: Option<i64>,
    metro_distance_m: Option<i64>,
    address_id: Option<String>,
    images: Vec<ProductImage>,
    seller: PublicUser,
    published_at: Option<String>,
}

#[derive(Serialize)]
struct ProductImage {
    id: i64,
    thumbnail_webp: Option<String>,
    thumbnail_jpeg: Option<String>,
    medium_webp: Option<String>,
    medium_jpeg: Option<String>,
    large_webp: Option<String>,
    large_jpeg: Option<String>,
    status: String,
    is_primary: bool,
    sort_order: i64,
}

impl Writer<'_> {
    /// The product of `chat`: the one it is about, or the first one of its order.
    pub(super) fn product(&self, chat: &Chat, related: &Related) -> ProductSummary {
        match related.product_of(chat) {
            Some(product) => self.known_product(product, related),
            None => self.stand_in(chat, related),
        }
    }

    fn known_product(&self, product: &Product, related: &Related) -> ProductSummary {
        let extras = Extras::of(&product.attributes);
        ProductSummary {
            id: product.id.get(),
            title: product.title.clone(),
            price: product.price,
            steering: extras.text("steering"),
            city_id: extras.integer("city_id"),
            region_id: extras.integer("region_id"),
            district_id: extras.integer("district_id"),
            metro_station_id: extras.integer("metro_station_id"),
            metro_distance_m: extras.integer("metro_distance_m"),
            address_id: extras.text("address_id"),
            images: images(&extras),
            seller: self.person(product.seller, related),
            published_at: product.published_at.map(|at| self.time(at)),
        }
    }

    /// Clients cannot show a conversation without a product. Where there is none, or the marketplace has not told of
    /// it, a card that cannot be bought names what the conversation is about.
    fn stand_in(&self, chat: &Chat, related: &Related) -> ProductSummary {
        let first_item = related.order_of(chat).and_then(|facts| facts.order.items.first());
        let (id, title) = match chat.context {
            Context::Product(product) => (product.get(), format!("Товар {product}")),
            Context::Order(order) => (chat.id.get(), format!("Заказ {order}")),
            Context::Return(id) => (chat.id.get(), format!("Возврат {id}")),
            Context::None => (chat.id.get(), "Разговор".to_owned()),
        };
        ProductSummary {
            id: first_item.map_or(id, |item| item.product.get()),
            title,
            price: 0,
            steering: None,
            city_id: None,
            region_id: None,
            district_id: None,
            metro_station_id: None,
            metro_distance_m: None,
            address_id: None,
            images: Vec::new(),
            seller: self.person(chat.seller.account, related),
            published_at: None,
        }
    }
}

fn images(extras: &Extras) -> Vec<ProductImage> {
    let listed = extras.0.get("images").and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_object);
    let mut images: Vec<_> =
        (0..).zip(listed).map(|(index, image)| image_of(index, image)).collect();
    images.sort_by_key(|image| image.sort_order);
    images
}

fn image_of(index: i64, image: &Map<String, Value>) -> ProductImage {
    let text = |key: &str| image.get(key).and_then(Value::as_str).map(str::to_owned);
    let integer = |key: &str| image.get(key).and_then(Value::as_i64);
    ProductImage {
        id: integer("id").unwrap_or(index + 1),
        thumbnail_webp: text("thumbnail_webp"),
        thumbnail_jpeg: text("thumbnail_jpeg"),
        medium_webp: text("medium_webp"),
        medium_jpeg: text("medium_jpeg"),
        large_webp: text("large_webp"),
        large_jpeg: text("large_jpeg"),
        status: text("status").unwrap_or_else(|| "ready".to_owned()),
        is_primary: image.get("is_primary").and_then(Value::as_bool).unwrap_or(index == 0),
        sort_order: integer("sort_order").unwrap_or(index),
    }
}

/// What only this marketplace knows of an account or a product. What is absent or of another type reads as none.
pub(crate) struct Extras(Map<String, Value>);

impl Extras {
    /// Reads `attributes`.
    pub(crate) fn of(attributes: &Attributes) -> Self {
        Self(serde_json::from_str(attributes.as_json()).unwrap_or_default())
    }

    /// A whole number.
    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.as_i64()
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    /// Sets a number, or takes it away.
    pub(crate) fn set(&mut self, key: &str, value: Option<i64>) {
        match value {
            Some(value) => self.0.insert(key.to_owned(), value.into()),
            None => self.0.remove(key),
        };
    }

    /// Back to what is stored.
    pub(crate) fn into_attributes(self) -> Attributes {
        Attributes::from_json_object(Value::Object(self.0).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extras(json: &str) -> Extras {
        Extras::of(&Attributes::from_json_object(json.to_owned()))
    }

    #[test]
    fn what_has_another_type_reads_as_none() {
        let extras = extras(r#"{"city_id": "2", "steering": 1, "region_id": 78, "images": [1]}"#);
        assert_eq!(extras.integer("city_id"), None);
        assert_eq!(extras.text("steering"), None);
        assert_eq!(extras.integer("region_id"), Some(78));
        assert!(images(&extras).is_empty());
    }

    #[test]
    fn pictures_come_in_their_order() {
        let extras =
            extras(r#"{"images": [{"id": 9, "sort_order": 2}, {"id": 8, "sort_order": 1}]}"#);
        let ids: Vec<_> = images(&extras).iter().map(|image| image.id).collect();
        assert_eq!(ids, [8, 9]);
    }

    #[test]
    fn a_number_is_set_and_taken_away_and_the_rest_stays() {
        let mut extras = extras(r#"{"a": [1]}"#);
        extras.set("district_id", Some(14));
        extras.set("metro_station_id", None);
        assert_eq!(extras.into_attributes().as_json(), r#"{"a":[1],"district_id":14}"#);
    }
}
