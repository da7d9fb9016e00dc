//! Where attachments lie.

use std::path::{Path, PathBuf};

use confique::Config;
use media::{AccessKey, Bucket};

use super::values::{AttachmentsUrl, Secret, WebUrl, is_region};

/// Where attachments lie. Several servers need one place that all of them reach.
#[derive(Clone, Debug, PartialEq, Config)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub struct AttachmentSettings {
    /// `s3://bucket` or `s3://bucket/prefix` for a bucket of an S3-compatible store, `file:///folder` for a folder.
    /// Unset: the folder `attachments` in `data_dir`.
    pub url: Option<AttachmentsUrl>,

    /// The address of the S3-compatible store, an http or https URL without query: `https://storage.yandexcloud.net`.
    /// Unset: Amazon's, of the region.
    pub endpoint: Option<WebUrl>,

    /// What the store calls its region, part of each signature: "ru-central1". Letters, digits and hyphens. Unset: the
    /// variable `AWS_REGION` or `AWS_DEFAULT_REGION`, else "us-east-1", with which most stores of one's own are content.
    #[config(validate = is_region)]
    pub region: Option<String>,

    /// Whether the bucket stands in the path of the endpoint, `https://endpoint/bucket`: true; or in its host name,
    /// `https://bucket.endpoint`: false.
    #[config(default = true)]
    pub path_style: bool,

    /// Whether the endpoint may be plain http, so that files pass unencrypted: true or false.
    #[config(default = false)]
    pub allow_http: bool,

    /// The id of the access key, a text. Unset, together with its secret: the variable `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,

    /// The secret of the access key, a text; better given as an environment variable than in a file. Unset, together
    /// with the id: the variable `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
}

/// The region that stores without regions go by.
const USUAL_REGION: &str = "us-east-1";

impl AttachmentSettings {
    /// The folder of the attachments, if they lie in one.
    pub fn folder(&self, data_dir: &Path) -> Option<PathBuf> {
        match &self.url {
            None => Some(data_dir.join("attachments")),
            Some(AttachmentsUrl::Folder(folder)) => Some(folder.clone()),
            Some(AttachmentsUrl::Bucket { .. }) => None,
        }
    }

    /// The bucket of the attachments, if they lie in one. Settings that were loaded have a key for it.
    pub fn bucket(&self) -> Option<Bucket> {
        let Some(AttachmentsUrl::Bucket { name, prefix }) = &self.url else { return None };
        Some(Bucket {
            name: name.clone(),
            prefix: prefix.clone(),
            endpoint: self.endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()),
            region: self.region.clone().unwrap_or_else(|| USUAL_REGION.to_owned()),
            path_style: self.path_style,
            key: AccessKey {
                id: self.access_key_id.clone().unwrap_or_default(),
                secret: self.secret_access_key.as_ref()?.reveal().to_owned(),
            },
        })
    }

    /// Takes from the variables that programs for S3 share what is not set. Half a key is nobody's: an id of ours would
    /// not go with a foreign secret.
    pub(super) fn take_shared_variables(&mut self, environment: &[(String, String)]) {
        let Some(AttachmentsUrl::Bucket { .. }) = self.url else { return };
        let variable = |wanted: &str| {
            let found =
                environment.iter().find(|(name, value)| name == wanted && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        if self.access_key_id.is_none() && self.secret_access_key.is_none() {
            self.access_key_id = variable("AWS_ACCESS_KEY_ID");
            self.secret_access_key = variable("AWS_SECRET_ACCESS_KEY").map(Secret::from);
        }
        if self.region.is_none() {
            let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
            self.region = region.filter(|region| is_region(region).is_ok());
        }
    }

    /// Why these settings do not go together, if they do not.
    pub(super) fn contradiction(&self) -> Option<String> {
        if !matches!(self.url, Some(AttachmentsUrl::Bucket { .. })) {
            let given = [
                ("endpoint", self.endpoint.is_some()),
                ("region", self.region.is_some()),
                ("access_key_id", self.access_key_id.is_some()),
                ("secret_access_key", self.secret_access_key.is_some()),
            ];
            let (name, _) = given.into_iter().find(|(_, is_given)| *is_given)?;
            return Some(format!(
                "setting 'attachments.{name}' is for a bucket, but 'attachments.url' names none: set it to \
                 \"s3://bucket\""
            ));
        }
        if self.access_key_id.is_none() || self.secret_access_key.is_none() {
            return Some(
                "setting 'attachments.url' names a bucket, but there is no key for it: set both \
                 'attachments.access_key_id' and 'attachments.secret_access_key', or the variables \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .to_owned(),
            );
        }
        let is_plain =
            self.endpoint.as_ref().is_some_and(|endpoint| endpoint.as_str().starts_with("http://"));
        (is_plain && !self.allow_http).then(|| {
            "setting 'attachments.endpoint' is plain http, so that files would pass unencrypted: use https, or set \
             'attachments.allow_http' = true"
                .to_owned()
        })
    }
}
