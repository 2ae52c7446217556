//! Handles in social networks.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "HANDLE",
    group: Group::Identity,
    title: "handle in a social network",
    validator: "form, and the network or a phrase beside it",
    example: "my Instagram is @jane.doe",
    sites: &[Site::At(at_sign)],
    labels: "twitter, instagram, insta, tiktok, tik tok, linked in, you tube, telegram, mastodon, bluesky, threads, snapchat, snap, handle, \
        social media handle, twitter handle, ig, x handle, follow me, follow me on, dm me, find me, find me on, tag me, \
        my handle, my username, mein handle, folge mir, suivez moi, sigueme, volg mij, me siga, seguimi, social media, \
        social handle, venmo, cash app, discord, linkedin, facebook, youtube, twitch, reddit, skype, wechat",
    cues: "account, profile, social, dm, follow, post, tweet, username",
    against: "decorator, annotation, package, npm, import, rt",
    ..Recognizer::BLANK
};

fn at_sign(cx: &Cx<'_>, at: usize, sink: &mut Sink) {
    let before = cx.before(at);
    if before.is_ascii_alphanumeric() || before >= 0x80 || b"._-@/".contains(&before) {
        return;
    }
    let mut end =
        cx.run(at + 1, 31, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    while end > at + 1 && cx.before(end) == b'.' {
        end -= 1;
    }
    let long = (3..=30).contains(&(end - at - 1));
    if long && !matches!(cx.at(end), b'/' | b'(' | b'@' | b'{') {
        cx.offer(sink, (at, end), Entity::HANDLE, -4.2, false);
    }
}
