//! Making, finding, setting and emptying queues.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;

use super::{World, world};
use crate::sqs::{Sqs, arn};

async fn create(
    world: &World,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> Result<String, String> {
    let mut request = world.client.create_queue().queue_name(name);
    for (name, value) in attributes {
        request = request.attributes(name.clone(), *value);
    }
    match request.send().await {
        Ok(answer) => Ok(answer.queue_url.unwrap_or_default()),
        Err(error) => Err(error.into_service_error().code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test]
async fn queue_is_made_once() {
    let world = world().await.unwrap();
    let url = create(&world, "new", &[(QueueAttributeName::VisibilityTimeout, "7")])
        .await
        .unwrap();
    assert_eq!(url, Sqs::queue_url("new"));
    for (attributes, expected) in [
        (vec![], Ok(url.clone())),
        (
            vec![(QueueAttributeName::VisibilityTimeout, "7")],
            Ok(url.clone()),
        ),
        (
            vec![(QueueAttributeName::VisibilityTimeout, "8")],
            Err("QueueAlreadyExists".to_owned()),
        ),
        (
            vec![(QueueAttributeName::DelaySeconds, "1")],
            Err("QueueAlreadyExists".to_owned()),
        ),
    ] {
        assert_eq!(
            create(&world, "new", &attributes).await,
            expected,
            "{attributes:?}"
        );
    }
}

#[tokio::test]
async fn queue_needs_a_good_name() {
    let world = world().await.unwrap();
    let long = "x".repeat(81);
    for (name, code) in [
        ("", "InvalidParameterValue"),
        ("a b", "InvalidParameterValue"),
        (long.as_str(), "InvalidParameterValue"),
        ("orders.fifo", "AWS.SimpleQueueService.UnsupportedOperation"),
    ] {
        assert_eq!(create(&world, name, &[]).await, Err(code.to_owned()), "{name}");
    }
    assert!(create(&world, &"x".repeat(80), &[]).await.is_ok());
}

#[tokio::test]
async fn attributes_tell_settings_and_depth() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    world.send("work", "b").await.unwrap();
    world.receive("work", 1).await.unwrap();
    world.later(5);
    let set = world
        .client
        .set_queue_attributes()
        .queue_url(Sqs::queue_url("work"));
    set.attributes(QueueAttributeName::VisibilityTimeout, "99")
        .send()
        .await
        .unwrap();

    let request = world
        .client
        .get_queue_attributes()
        .queue_url(Sqs::queue_url("work"));
    let answer = request
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();

    let attributes = answer.attributes.unwrap();
    let redrive = format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#,
        arn("dead")
    );
    for (name, expected) in [
        (QueueAttributeName::QueueArn, arn("work")),
        (QueueAttributeName::ApproximateNumberOfMessages, "1".to_owned()),
        (
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            "1".to_owned(),
        ),
        (
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
            "0".to_owned(),
        ),
        (QueueAttributeName::VisibilityTimeout, "99".to_owned()),
        (QueueAttributeName::CreatedTimestamp, "1000".to_owned()),
        (QueueAttributeName::LastModifiedTimestamp, "1005".to_owned()),
        (QueueAttributeName::MaximumMessageSize, "1048576".to_owned()),
        (QueueAttributeName::RedrivePolicy, redrive),
    ] {
        assert_eq!(attributes.get(&name), Some(&expected), "{name}");
    }
}

#[tokio::test]
async fn queues_are_found_by_name_prefix_and_dead_letters() {
    let world = world().await.unwrap();
    let url = world
        .client
        .get_queue_url()
        .queue_name("work")
        .send()
        .await
        .unwrap();
    assert_eq!(url.queue_url(), Some(Sqs::queue_url("work").as_str()));
    let none = world
        .client
        .get_queue_url()
        .queue_name("none")
        .send()
        .await
        .unwrap_err();
    assert!(none.into_service_error().is_queue_does_not_exist());
    let all = world.client.list_queues().send().await.unwrap();
    assert_eq!(all.queue_urls(), [Sqs::queue_url("dead"), Sqs::queue_url("work")]);
    let some = world
        .client
        .list_queues()
        .queue_name_prefix("w")
        .send()
        .await
        .unwrap();
    assert_eq!(some.queue_urls(), [Sqs::queue_url("work")]);
    let sources = world
        .client
        .list_dead_letter_source_queues()
        .queue_url(Sqs::queue_url("dead"));
    assert_eq!(
        sources.send().await.unwrap().queue_urls(),
        [Sqs::queue_url("work")]
    );
}

#[tokio::test]
async fn purge_empties_once_a_minute() {
    let world = world().await.unwrap();
    let purge = || {
        world
            .client
            .purge_queue()
            .queue_url(Sqs::queue_url("work"))
            .send()
    };
    world.send("work", "a").await.unwrap();
    purge().await.unwrap();
    assert_eq!(world.depth("work"), (0, 0, 0));
    world.later(59);
    assert!(
        purge()
            .await
            .unwrap_err()
            .into_service_error()
            .is_purge_queue_in_progress()
    );
    world.later(1);
    purge().await.unwrap();
}

#[tokio::test]
async fn deleted_queue_is_gone() {
    let world = world().await.unwrap();
    let delete = || {
        world
            .client
            .delete_queue()
            .queue_url(Sqs::queue_url("work"))
            .send()
    };
    delete().await.unwrap();
    assert!(
        delete()
            .await
            .unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
}
