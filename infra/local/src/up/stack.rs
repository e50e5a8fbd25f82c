//! CloudFormation's one door that tools knock at: the outputs of the stack, as the template declares them.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use super::Up;

/// What a request to it holds, as a form.
const ASKS: &[u8] = b"Action=DescribeStacks";

/// Whether a form asks for the stack. Nothing else of CloudFormation is here.
pub(super) fn is_asked_for(path: &str, body: &[u8]) -> bool {
    path == "/" && body.windows(ASKS.len()).any(|window| window == ASKS)
}

/// The stack, whatever it is called: there is one here.
pub(super) fn describe(up: &Up, body: &[u8]) -> Response<Full<Bytes>> {
    let form = String::from_utf8_lossy(body);
    let mut fields = form.split('&').filter_map(|field| field.split_once('='));
    let name = fields.find(|(name, _)| *name == "StackName");
    let name = name.map_or("ratchet", |(_, value)| value);
    let output = |(key, value): (String, String)| {
        format!(
            "<member><OutputKey>{}</OutputKey><OutputValue>{}</OutputValue></member>",
            escaped(&key),
            escaped(&value)
        )
    };
    let outputs: String = up.cloud.outputs(name).into_iter().map(output).collect();
    let text = format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks>\
        <member><StackName>{}</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
        <StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult>\
        <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></DescribeStacksResponse>",
        escaped(name)
    );
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let kind = http::HeaderValue::from_static("text/xml");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
