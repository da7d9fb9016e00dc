//! Somebody with a browser: cookies, the CSRF header, and what comes back.

use domain::id::AccountId;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::{PASSWORD, Server, email_of};

/// A signed-in person.
pub(crate) struct Person<'s> {
    pub(crate) server: &'s Server,
    pub(crate) session: String,
    pub(crate) csrf_token: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl<'s> Person<'s> {
    /// Signs in by e-mail and password.
    pub(crate) async fn sign_in(server: &'s Server, account: AccountId) -> Self {
        let answer = login(server, &email_of(account), PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self::of(server, &answer)
    }

    /// The person to whom `answer` gave cookies.
    pub(crate) fn of(server: &'s Server, answer: &Answer) -> Self {
        let cookie = |name| answer.cookie(name).unwrap();
        Self { server, session: cookie("PARTIZAP_SESSION"), csrf_token: cookie("CSRF_TOKEN") }
    }

    /// A request with the cookies and the CSRF header.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies = format!("PARTIZAP_SESSION={}; CSRF_TOKEN={}", self.session, self.csrf_token);
        self.server
            .http()
            .request(method, format!("{}{path}", self.server.url()))
            .header("Cookie", cookies)
            .header("X-CSRF-TOKEN", &self.csrf_token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer_of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer_of(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        answer_of(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        answer_of(self.request(Method::POST, path).json(&body)).await
    }

    /// A post without a body.
    pub(crate) async fn post_nothing(&self, path: &str) -> Answer {
        answer_of(self.request(Method::POST, path)).await
    }

    /// Begins a conversation about `product`.
    pub(crate) async fn write_about(&self, product: i64, message: &str) -> Answer {
        let body = json!({"product_id": product, "message": message});
        self.post("/vendor/conversations", body).await
    }

    /// Sends a text, which must be accepted.
    pub(crate) async fn say(&self, conversation: i64, text: &str) -> i64 {
        let path = format!("/vendor/conversations/{conversation}/messages");
        let answer = self.post(&path, json!({"text": text})).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["data"]["id"].as_i64().unwrap()
    }

    /// Uploads `bytes` as the part `image`.
    pub(crate) async fn send_image(
        &self,
        conversation: i64,
        name: &str,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> Answer {
        let part = Part::bytes(bytes).file_name(name.to_owned()).mime_str(media_type).unwrap();
        self.send_form(conversation, Form::new().part("image", part)).await
    }

    pub(crate) async fn send_form(&self, conversation: i64, form: Form) -> Answer {
        let path = format!("/vendor/conversations/{conversation}/messages/image");
        answer_of(self.request(Method::POST, &path).multipart(form)).await
    }

    pub(crate) async fn unread_total(&self) -> i64 {
        let answer = self.get("/vendor/conversations/unread-count").await;
        answer.body["data"]["unread_count"].as_i64().unwrap()
    }

    /// The whole list, page by page.
    pub(crate) async fn conversations(&self) -> Vec<Value> {
        self.walk("/vendor/conversations?limit=100").await
    }

    /// Everything from the first page at `path` to the last.
    pub(crate) async fn walk(&self, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut next = path.to_owned();
        loop {
            let answer = self.get(&next).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            rows.extend(answer.body["data"].as_array().unwrap().iter().cloned());
            let meta = &answer.body["meta"];
            assert_eq!(meta["has_more"].as_bool().unwrap(), meta["next_cursor"].is_string());
            match meta["next_cursor"].as_str() {
                Some(cursor) => next = format!("{path}&cursor={cursor}"),
                None => return rows,
            }
        }
    }
}

impl Answer {
    /// The value of a cookie that the answer sets; none for one that it clears.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let value = self.set_cookie(name)?.split(';').next()?.split_once('=')?.1.to_owned();
        (!value.is_empty()).then_some(value)
    }

    /// The whole `Set-Cookie` of a cookie.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .find(|cookie| cookie.starts_with(&format!("{name}=")))
            .map(str::to_owned)
    }

    /// Asserts the status, the code, and the one envelope that all errors have.
    #[track_caller]
    pub(crate) fn assert_error(&self, status: u16, code: &str, case: &str) {
        assert_eq!(self.status, status, "{case}: {}", self.body);
        assert_eq!(keys(&self.body), ["error"], "{case}");
        let error = &self.body["error"];
        assert_eq!(error["code"], code, "{case}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{case}");
        let expected: &[&str] =
            if status == 422 { &["code", "details", "message"] } else { &["code", "message"] };
        assert_eq!(keys(error), expected, "{case}: {error}");
    }

    /// Asserts a 422 whose details name exactly `fields`, in alphabetical order.
    #[track_caller]
    pub(crate) fn assert_invalid(&self, fields: &[&str], case: &str) {
        self.assert_error(422, "validation_error", case);
        let details = &self.body["error"]["details"];
        assert_eq!(keys(details), fields, "{case}: {details}");
        for field in fields {
            let problems = details[field].as_array().unwrap();
            assert!(!problems.is_empty() && problems.iter().all(Value::is_string), "{case}");
        }
    }
}

/// The keys of an object, in alphabetical order.
#[track_caller]
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

pub(crate) async fn login(server: &Server, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    answer_of(server.http().post(format!("{}/auth/login", server.url())).json(&body)).await
}

pub(crate) async fn answer_of(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.bytes().await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, headers, body }
}
