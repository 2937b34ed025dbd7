//! Files that WhatsApp fetches, and those that came with a message.

use super::{example, parameter, returns, throws};
use crate::host::functions::{Body, Function, Parameter, Throws};
use crate::host::{incoming_media, media};

const BUCKET: Parameter = parameter("bucketName", "string", "the bucket in Google Cloud Storage");
const NOT_CONFIGURED: Throws =
    throws("STORAGE_NOT_CONFIGURED", "the application has no Google Cloud Storage");

pub(super) static GET_SIGNED_URL: Function = Function {
    name: "getSignedUrl",
    parameters: &[BUCKET, parameter("fileName", "string", "the object; no segment may be `..`")],
    otherwise: &[],
    returns: returns("string", "a URL that anyone can fetch for `signed_url_minutes`"),
    documentation: "A temporary URL of an object in Google Cloud Storage. Nobody is asked whether the object exists.",
    throws: &[
        NOT_CONFIGURED,
        throws("STORAGE_URL", "a name is empty or impossible, or the URL cannot be signed"),
    ],
    example: example!("getSignedUrl"),
    global: false,
    body: Body::Host(media::get_signed_url),
};

pub(super) static GET_PUBLIC_URL: Function = Function {
    name: "getPublicUrl",
    parameters: &[parameter("path", "string", "below `public/<appId>/`: `menu.png`")],
    otherwise: &[],
    returns: returns("string", "a URL below `public_url`, for Twilio to fetch"),
    documentation: "The public URL of a file in `public/<appId>/`.",
    throws: &[throws("INVALID_PATH", "the path has an empty, hidden or `..` segment")],
    example: example!("getPublicUrl"),
    global: false,
    body: Body::Host(media::get_public_url),
};

pub(super) static SAVE_MEDIA: Function = Function {
    name: "saveMedia",
    parameters: &[
        parameter("url", "string", "the medium as it came: `vo.media[0].url`, `vo.MediaUrl0`"),
        BUCKET,
        parameter("fileName", "string", "the object that it becomes; one of that name is replaced"),
    ],
    otherwise: &[],
    returns: returns("SavedMedia", "where it lies now, its type and its size in bytes"),
    documentation: "Saves a medium that came in with a message as an object in Google Cloud Storage. What the run has \
                    written before is committed.",
    throws: &[
        throws(
            "MEDIA_URL_FOREIGN",
            "it is no medium of a message, or of an account whose key the run may not use",
        ),
        throws("MEDIA_GONE", "Twilio does not have it (any more)"),
        throws("MEDIA_REFUSED", "Twilio refuses the account's key"),
        throws("MEDIA_TOO_LARGE", "it has more than 16 MB"),
        throws("MEDIA_UNREACHABLE", "there was no answer of use, three times over where that may help"),
        throws("MEDIA_FORBIDDEN", "Twilio's redirect leads where the host asks for nothing"),
        NOT_CONFIGURED,
        throws("STORAGE_URL", "the bucket's or file's name is impossible"),
        throws("STORAGE_REFUSED", "the bucket does not exist, or the service account may not write to it"),
        throws("STORAGE_UNREACHABLE", "the storage did not take it, three times over"),
    ],
    example: example!("saveMedia"),
    global: false,
    body: Body::Host(incoming_media::save_media),
};
