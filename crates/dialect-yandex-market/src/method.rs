//! The methods of the wire, and what each costs and needs.

use engine::limits::Quota;
use jiff::SignedDuration;

use crate::settings::HourlyLimits;

/// A method of the wire. Each has a counter of its own, whatever the spelling of its path (contract §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    CreateChat,
    GetChats,
    GetChat,
    GetChatHistory,
    GetChatMessage,
    SendMessageToChat,
    SendFileToChat,
    GetCampaigns,
    GetTokenInfo,
}

/// What a key must be allowed (contract §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// To read chats.
    Read,
    /// To write in chats.
    Write,
    /// Anything.
    Anything,
}

impl Method {
    /// What a key must be allowed.
    pub(crate) fn need(self) -> Need {
        match self {
            Self::CreateChat | Self::SendMessageToChat | Self::SendFileToChat => Need::Write,
            Self::GetChats | Self::GetChat | Self::GetChatHistory | Self::GetChatMessage => {
                Need::Read
            }
            Self::GetCampaigns | Self::GetTokenInfo => Need::Anything,
        }
    }

    /// Whether the path names the cabinet; else it is the key's.
    pub(crate) fn names_cabinet(self) -> bool {
        !matches!(self, Self::GetCampaigns | Self::GetTokenInfo)
    }

    /// Whether only an Api-Key opens it (contract §11).
    pub(crate) fn takes_api_key_only(self) -> bool {
        self == Self::GetTokenInfo
    }

    /// The path, as refusals name it: without version, with `.json` (contract §4.3).
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::CreateChat => "/businesses/{businessId}/chats/new.json",
            Self::GetChats => "/businesses/{businessId}/chats.json",
            Self::GetChat => "/businesses/{businessId}/chat.json",
            Self::GetChatHistory => "/businesses/{businessId}/chats/history.json",
            Self::GetChatMessage | Self::SendMessageToChat => {
                "/businesses/{businessId}/chats/message.json"
            }
            Self::SendFileToChat => "/businesses/{businessId}/chats/file/send.json",
            Self::GetCampaigns => "/campaigns.json",
            Self::GetTokenInfo => "/auth/token.json",
        }
    }

    /// The name of the counter.
    pub(crate) fn counter(self) -> &'static str {
        match self {
            Self::CreateChat => "yandex-market createChat",
            Self::GetChats => "yandex-market getChats",
            Self::GetChat => "yandex-market getChat",
            Self::GetChatHistory => "yandex-market getChatHistory",
            Self::GetChatMessage => "yandex-market getChatMessage",
            Self::SendMessageToChat => "yandex-market sendMessageToChat",
            Self::SendFileToChat => "yandex-market sendFileToChat",
            Self::GetCampaigns => "yandex-market getCampaigns",
            Self::GetTokenInfo => "yandex-market getTokenInfo",
        }
    }

    /// How many requests of one cabinet the hour holds. Windows begin at the full hour of UTC (contract §9 row 35).
    pub(crate) fn quota(self, limits: &HourlyLimits) -> Quota {
        let units = match self {
            Self::CreateChat => limits.create_chat,
            Self::GetChats => limits.get_chats,
            Self::GetChat => limits.get_chat,
            Self::GetChatHistory => limits.get_chat_history,
            Self::GetChatMessage => limits.get_chat_message,
            Self::SendMessageToChat => limits.send_message_to_chat,
            Self::SendFileToChat => limits.send_file_to_chat,
            Self::GetCampaigns => limits.get_campaigns,
            Self::GetTokenInfo => limits.get_token_info,
        };
        Quota { units, window: SignedDuration::from_hours(1) }
    }
}
