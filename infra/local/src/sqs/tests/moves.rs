//! Dead letters on their way back.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{ListMessageMoveTasksResultEntry, MessageSystemAttributeName};

use super::{Tried, World, system, world};
use crate::sqs::arn;

/// Puts `count` messages through `work` until they are dead letters.
async fn bury(world: &World, count: usize) -> Tried<()> {
    for number in 0..count {
        world.send("work", &number.to_string()).await?;
    }
    for _ in 0..3 {
        while !world.receive("work", 10).await?.is_empty() {}
        world.later(30);
    }
    world.receive("work", 10).await?;
    Ok(())
}

async fn start(world: &World, destination: Option<&str>, rate: Option<i32>) -> Result<String, String> {
    let request = world
        .client
        .start_message_move_task()
        .source_arn(arn("dead"))
        .set_destination_arn(destination.map(arn))
        .set_max_number_of_messages_per_second(rate);
    match request.send().await {
        Ok(answer) => Ok(answer.task_handle.unwrap_or_default()),
        Err(error) => Err(error.into_service_error().code().unwrap_or_default().to_owned()),
    }
}

async fn listed(world: &World, most: i32) -> Vec<ListMessageMoveTasksResultEntry> {
    let request = world.client.list_message_move_tasks().source_arn(arn("dead"));
    request
        .max_results(most)
        .send()
        .await
        .unwrap()
        .results
        .unwrap_or_default()
}

#[tokio::test]
async fn dead_letters_go_back_as_new_messages_at_the_rate_asked_for() {
    let world = world().await.unwrap();
    bury(&world, 5).await.unwrap();
    assert_eq!(world.depth("dead"), (5, 0, 0));
    let dead = world
        .sqs
        .read(|state| state.queues["dead"].messages.values().next().unwrap().id.clone());

    let handle = start(&world, None, Some(2)).await.unwrap();

    assert_eq!(world.depth("dead"), (4, 0, 0), "the first goes at once");
    let running = &listed(&world, 1).await[0];
    assert_eq!(running.status(), Some("RUNNING"));
    assert_eq!(running.task_handle(), Some(handle.as_str()));
    assert_eq!(running.approximate_number_of_messages_to_move(), Some(5));
    assert_eq!(running.approximate_number_of_messages_moved(), 1);
    assert_eq!(running.max_number_of_messages_per_second(), Some(2));

    for (after_ms, left) in [(499, 4), (1, 3), (500, 2), (1_000, 0)] {
        world.clock.advance(after_ms);
        assert_eq!(world.depth("dead").0, left);
    }
    let ended = &listed(&world, 1).await[0];
    assert_eq!((ended.status(), ended.task_handle()), (Some("COMPLETED"), None));

    let back = &world.receive("work", 10).await.unwrap()[0];
    assert_ne!(back.message_id(), Some(dead.as_str()));
    assert_eq!(
        system(back, &MessageSystemAttributeName::ApproximateReceiveCount),
        Some("1")
    );
    assert_eq!(
        system(back, &MessageSystemAttributeName::DeadLetterQueueSourceArn),
        None
    );
}

#[tokio::test]
async fn clock_that_follows_the_next_due_time_ends_a_move() {
    let world = world().await.unwrap();
    bury(&world, 4).await.unwrap();
    start(&world, None, Some(3)).await.unwrap();
    let mut steps = 0;
    while let Some(due_ms) = world.sqs.next_due_ms(["work"]) {
        world.clock.set(due_ms);
        steps += 1;
        assert!(steps < 10, "the clock does not get there");
    }
    assert_eq!(world.depth("work"), (4, 0, 0));
    assert_eq!(listed(&world, 1).await[0].status(), Some("COMPLETED"));
}

#[tokio::test]
async fn message_that_fails_again_is_not_moved_twice() {
    let world = world().await.unwrap();
    bury(&world, 2).await.unwrap();
    start(&world, None, Some(1)).await.unwrap();
    for _ in 0..4 {
        world.receive("work", 1).await.unwrap();
        world.clock.advance(30_000);
    }
    world.receive("work", 10).await.unwrap();
    world.later(60);
    assert_eq!(listed(&world, 1).await[0].status(), Some("COMPLETED"));
    assert_eq!(
        listed(&world, 1).await[0].approximate_number_of_messages_moved(),
        2
    );
    assert_eq!(world.depth("dead"), (1, 0, 0));
}

#[tokio::test]
async fn one_move_runs_at_a_time_and_can_be_cancelled() {
    let world = world().await.unwrap();
    bury(&world, 3).await.unwrap();
    let handle = start(&world, None, Some(1)).await.unwrap();
    assert_eq!(
        start(&world, None, Some(1)).await,
        Err("InvalidParameterValue".to_owned())
    );

    let cancel = || {
        world
            .client
            .cancel_message_move_task()
            .task_handle(&handle)
            .send()
    };
    assert_eq!(cancel().await.unwrap().approximate_number_of_messages_moved(), 1);
    world.later(60);
    assert_eq!(world.depth("dead"), (2, 0, 0));
    assert!(cancel().await.is_err());

    start(&world, None, None).await.unwrap();
    world.later(1);
    let statuses: Vec<_> = listed(&world, 10)
        .await
        .iter()
        .map(|task| task.status().unwrap().to_owned())
        .collect();
    assert_eq!(statuses, ["COMPLETED", "CANCELLED"], "the latest first");
    assert_eq!(listed(&world, 1).await.len(), 1);
}

#[tokio::test]
async fn move_goes_where_it_is_told_and_fails_where_it_cannot() {
    let world = world().await.unwrap();
    world
        .client
        .create_queue()
        .queue_name("other")
        .send()
        .await
        .unwrap();
    bury(&world, 1).await.unwrap();
    start(&world, Some("other"), None).await.unwrap();
    assert_eq!(world.depth("other"), (1, 0, 0));
    assert_eq!(
        listed(&world, 1).await[0].destination_arn(),
        Some(arn("other").as_str())
    );

    world.send("dead", "sent by hand").await.unwrap();
    start(&world, None, None).await.unwrap();
    let failed = &listed(&world, 1).await[0];
    assert_eq!(failed.status(), Some("FAILED"));
    assert_eq!(failed.failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(world.depth("dead"), (1, 0, 0));
}

#[tokio::test]
async fn wrong_moves_are_refused() {
    let world = world().await.unwrap();
    for (destination, rate, code) in [
        (None, Some(0), "InvalidParameterValue"),
        (None, Some(501), "InvalidParameterValue"),
        (Some("none"), None, "ResourceNotFoundException"),
    ] {
        assert_eq!(
            start(&world, destination, rate).await,
            Err(code.to_owned()),
            "{destination:?} {rate:?}"
        );
    }
    let request = |source: &str| {
        world
            .client
            .start_message_move_task()
            .source_arn(arn(source))
            .send()
    };
    let no_dead_letters = request("work").await.unwrap_err().into_service_error();
    assert_eq!(no_dead_letters.code(), Some("InvalidParameterValue"));
    let missing = request("none").await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception());
    let cancel = world
        .client
        .cancel_message_move_task()
        .task_handle("bm9uZQ==")
        .send()
        .await;
    assert!(
        cancel
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
}
