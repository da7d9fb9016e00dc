//! Storing a file that is to be sent later.

use super::draft::{check_file, new_attachment};
use super::{Answer, Decision};
use crate::Timestamp;
use crate::attachment::File;
use crate::event::Event;
use crate::id::AccountId;
use crate::policy::Policy;
use crate::refusal::Denied;
use crate::world::World;

/// Stores `file` for `owner`, who may attach it to one message.
#[derive(Clone, Debug)]
pub struct AttachFile {
    /// Who brought it.
    pub owner: AccountId,
    /// What.
    pub file: File,
}

impl AttachFile {
    pub(super) fn decide(
        &self,
        world: &World,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Decision, Denied> {
        check_file(&self.file, &policy.files)?;
        let attachment = new_attachment(world, 0, self.owner, &self.file, now)?;
        let event = Event::AttachmentStored(Box::new(attachment.clone()));
        Ok(Decision::new(vec![event], Answer::Attached(Box::new(attachment))))
    }
}
