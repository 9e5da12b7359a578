#![allow(clippy::unwrap_used)]

use super::*;
use gatewright_io::doubles::MemoryCores;

const STEP: Duration = Duration::from_millis(250);

struct World {
    machine: MemoryCores,
    seat: Seat<MemoryCores>,
    now: Instant,
}

impl World {
    fn new(cores: usize) -> Self {
        let machine = MemoryCores::new(cores);
        let now = Instant::now();
        let seat = Seat::new(machine.clone(), now).unwrap().unwrap();
        Self { machine, seat, now }
    }

    /// Some time with many turns in it, then a look.
    fn pass(&mut self, step: Duration, ran: f64, waited: f64, idle: &[f64]) {
        let idle: Vec<_> = idle.iter().map(|share| step.mul_f64(*share)).collect();
        let idle: Vec<_> = idle.into_iter().enumerate().collect();
        self.machine
            .pass(step.mul_f64(ran), step.mul_f64(waited), &idle);
        self.now += step;
        for _ in 0..TURNS {
            self.seat.turn(|| self.now).unwrap();
        }
    }

    fn busy(&mut self) {
        self.pass(STEP, 0.6, 0.0, &[0.2, 0.5]);
    }

    /// Of two cores the thread holds the first, and is about to go to the second: the first crowded
    /// look had no idle times to compare with, the second decided.
    fn leaving() -> Self {
        let mut world = Self::new(2);
        world.busy();
        world.crowded();
        world.crowded();
        assert_eq!(world.seat.hold, Hold::Leaving(0, 1));
        assert_eq!(world.allowed(), [0]);
        world
    }

    /// Many turns with little in each, while so many packets arrive on each core.
    fn often(&mut self, waited: f64, arrived: &[u32]) {
        self.turns(250, waited, arrived);
    }

    /// So many, then one with a look.
    fn turns(&mut self, count: usize, waited: f64, arrived: &[u32]) {
        for _ in 0..count {
            self.seat.turn(|| self.now).unwrap();
        }
        for (core, packets) in arrived.iter().enumerate() {
            self.machine.arrive(core, *packets);
        }
        self.machine
            .pass(STEP.mul_f64(0.05), STEP.mul_f64(waited), &[]);
        self.now += STEP;
        self.seat.turn(|| self.now).unwrap();
    }

    /// Of two cores it sits on the second, since packets arrive there.
    fn near() -> Self {
        let mut world = Self::new(2);
        world.often(0.0, &[0, 0]);
        world.often(0.0, &[10, 500]);
        assert_eq!(world.seat.hold, Hold::Near(1));
        assert_eq!(world.allowed(), [1]);
        world
    }

    fn crowded(&mut self) {
        self.pass(STEP, 0.5, 0.4, &[0.0, 0.7]);
    }

    fn allowed(&self) -> Vec<usize> {
        self.machine.allowed().unwrap()
    }
}

#[test]
fn a_busy_thread_holds_the_core_it_is_on_and_lets_go_at_rest() {
    let mut world = World::new(2);
    world.machine.put(1);
    world.pass(STEP, 0.2, 0.0, &[1.0, 0.8]);
    assert_eq!(world.allowed(), [0, 1]);
    world.busy();
    assert_eq!(world.allowed(), [1]);
    // Less than made it hold, and still something.
    world.pass(STEP, 0.15, 0.0, &[1.0, 0.85]);
    assert_eq!(world.allowed(), [1]);
    world.pass(STEP, 0.05, 0.0, &[1.0, 0.95]);
    assert_eq!(world.allowed(), [0, 1]);
}

#[test]
fn waiting_for_a_core_is_having_much_to_do() {
    let mut world = World::new(2);
    world.pass(STEP, 0.2, 0.2, &[0.0, 0.5]);
    assert_eq!(world.allowed(), [0]);
}

#[test]
fn it_comes_back_to_the_core_that_it_held() {
    let mut world = World::new(2);
    world.machine.put(1);
    world.busy();
    world.pass(STEP, 0.0, 0.0, &[1.0, 1.0]);
    world.machine.put(0);
    world.busy();
    assert_eq!(world.allowed(), [1]);
}

#[test]
fn a_crowded_thread_moves_to_where_there_is_room() {
    let mut world = World::leaving();
    world.pass(SECOND_LOOK, 0.5, 0.4, &[0.0, 0.7]);
    assert_eq!(world.allowed(), [1]);
}

#[test]
fn it_stays_when_the_crowd_has_gone_at_the_second_look() {
    let mut world = World::leaving();
    world.pass(SECOND_LOOK, 0.9, 0.05, &[0.0, 0.7]);
    assert_eq!(world.allowed(), [0]);
    assert_eq!(world.seat.hold, Hold::On(0));
}

#[test]
fn it_stays_where_another_core_would_be_as_crowded_with_it() {
    let mut world = World::new(2);
    world.busy();
    for _ in 0..10 {
        // Another at 0.48, with the 0.5 of the thread and the margin, is more than this one has.
        world.pass(STEP, 0.5, 0.4, &[0.0, 0.52]);
    }
    assert_eq!(world.allowed(), [0]);
}

#[test]
fn of_several_cores_it_takes_the_one_with_most_room() {
    let mut world = World::new(4);
    world.busy();
    for step in [STEP, STEP, SECOND_LOOK] {
        world.pass(step, 0.4, 0.4, &[0.0, 0.6, 0.9, 0.7]);
    }
    assert_eq!(world.allowed(), [2]);
}

#[test]
fn what_somebody_else_decided_counts() {
    let mut world = World::new(3);
    world.busy();
    // As by taskset(1).
    world.machine.clone().allow(&[1, 2]).unwrap();
    world.pass(STEP, 0.0, 0.0, &[1.0, 1.0, 1.0]);
    assert_eq!(world.allowed(), [1, 2]);
    world.machine.put(2);
    world.busy();
    assert_eq!(world.allowed(), [2]);
    world.pass(STEP, 0.0, 0.0, &[1.0, 1.0, 1.0]);
    assert_eq!(world.allowed(), [1, 2]);
}

#[test]
fn a_few_turns_cost_no_look_at_the_clock() {
    let mut world = World::new(2);
    for _ in 1..TURNS {
        world.seat.turn(|| panic!("the clock")).unwrap();
    }
    let mut asked = false;
    let mut clock = || {
        asked = true;
        world.now
    };
    world.seat.turn(&mut clock).unwrap();
    assert!(asked);
}

#[test]
fn with_one_core_or_a_refusal_there_is_nothing_to_do() {
    let seat = Seat::new(MemoryCores::new(1), Instant::now());
    assert!(seat.unwrap().is_none());
    let mut world = World::new(2);
    world.machine.refuse(true);
    world.machine.pass(STEP, Duration::ZERO, &[]);
    world.now += STEP;
    let outcome = (0..TURNS).try_for_each(|_| world.seat.turn(|| world.now));
    assert!(outcome.is_err());
    assert_eq!(world.allowed(), [0, 1]);
}

#[test]
fn a_real_thread_holds_its_core_while_it_is_busy() {
    let all = LinuxCores::new().unwrap().allowed().unwrap();
    let Some(mut seat) = Seat::here(Instant::now()).unwrap() else {
        assert_eq!(all.len(), 1);
        return;
    };
    let until = Instant::now() + Duration::from_secs(60);
    // Other tests may have the cores for the most part: waiting counts as well.
    while !matches!(seat.hold, Hold::On(_)) && Instant::now() < until {
        seat.turn(Instant::now).unwrap();
    }
    let Hold::On(core) = seat.hold else {
        panic!("it holds no core");
    };
    assert_eq!(LinuxCores::new().unwrap().allowed().unwrap(), [core]);
    while seat.hold != Hold::Free && Instant::now() < until {
        std::thread::park_timeout(HELD_LOOK);
        seat.turn(Instant::now).unwrap();
    }
    assert_eq!(LinuxCores::new().unwrap().allowed().unwrap(), all);
}

#[test]
fn a_thread_that_does_not_wait_stays_whatever_idles_beside_it() {
    let mut world = World::new(2);
    world.busy();
    for _ in 0..6 {
        world.pass(STEP, 0.6, 0.05, &[0.0, 1.0]);
    }
    assert_eq!(world.allowed(), [0]);
    assert_eq!(world.seat.hold, Hold::On(0));
}

#[test]
fn it_stays_when_another_took_the_room_meanwhile() {
    let mut world = World::leaving();
    world.pass(SECOND_LOOK, 0.5, 0.4, &[0.0, 0.1]);
    assert_eq!(world.seat.hold, Hold::On(0));
}

#[test]
fn a_seat_that_is_given_up_leaves_the_thread_free() {
    let mut world = World::leaving();
    world.machine.refuse(true);
    world.machine.pass(
        SECOND_LOOK.mul_f64(0.5),
        SECOND_LOOK.mul_f64(0.4),
        &[(1, SECOND_LOOK)],
    );
    world.now += SECOND_LOOK;
    assert!(world.seat.turn(|| world.now).is_err());
    let machine = world.machine.clone();
    assert_eq!(machine.allowed().unwrap(), [0]);
    machine.refuse(false);
    drop(world);
    assert_eq!(machine.allowed().unwrap(), [0, 1]);
}

#[test]
fn where_a_core_is_not_told_of_there_is_no_choosing() {
    let machine = MemoryCores::new(2);
    machine.hide(1);
    assert!(Seat::new(machine, Instant::now()).is_err());
}

#[test]
fn with_little_to_do_but_that_often_it_sits_where_packets_arrive() {
    let mut world = World::near();
    world.often(0.0, &[100, 400]);
    assert_eq!(world.allowed(), [1]);
    // It follows them, and stays where too few arrived to say.
    world.often(0.0, &[500, 10]);
    assert_eq!(world.allowed(), [0]);
    world.often(0.0, &[0, 5]);
    assert_eq!(world.allowed(), [0]);
}

#[test]
fn where_packets_arrive_on_all_cores_the_scheduler_chooses() {
    let mut world = World::new(4);
    for _ in 0..2 {
        world.often(0.0, &[100, 100, 100, 100]);
    }
    assert_eq!(world.allowed(), [0, 1, 2, 3]);
    // It is not asked again at once.
    let begin = world.now;
    while world.now < begin + AWAY {
        world.often(0.0, &[0, 500, 0, 0]);
        assert_eq!(world.allowed(), [0, 1, 2, 3]);
    }
    world.often(0.0, &[0, 500, 0, 0]);
    assert_eq!(world.allowed(), [1]);
}

#[test]
fn with_little_to_do_and_seldom_the_scheduler_chooses() {
    let mut world = World::new(2);
    for _ in 0..3 {
        world.turns(60, 0.0, &[10, 500]);
    }
    assert_eq!(world.allowed(), [0, 1]);
    // What is not enough to go there is enough to stay; less is not.
    let mut world = World::near();
    world.turns(60, 0.0, &[10, 500]);
    assert_eq!(world.allowed(), [1]);
    world.turns(30, 0.0, &[10, 500]);
    assert_eq!(world.allowed(), [0, 1]);
}

#[test]
fn with_more_than_a_little_to_do_it_does_not_go_where_packets_arrive() {
    let mut world = World::new(2);
    for _ in 0..3 {
        world.machine.pass(STEP.mul_f64(0.2), Duration::ZERO, &[]);
        world.often(0.0, &[10, 500]);
    }
    assert_eq!(world.allowed(), [0, 1]);
}

#[test]
fn with_more_to_do_it_leaves_where_packets_arrive_and_then_holds_a_core() {
    let mut world = World::near();
    for (more, allowed) in [(0.2, [1].as_slice()), (0.3, &[0, 1])] {
        world.machine.pass(STEP.mul_f64(more), Duration::ZERO, &[]);
        world.often(0.0, &[0, 500]);
        assert_eq!(world.allowed(), allowed);
    }
    world.machine.put(0);
    world.busy();
    assert_eq!(world.allowed(), [0]);
    assert_eq!(world.seat.hold, Hold::On(0));
}

#[test]
fn it_stays_away_for_a_while_from_where_others_keep_it_waiting() {
    let mut world = World::near();
    let begin = world.now;
    world.often(0.19, &[10, 500]);
    assert_eq!(world.allowed(), [1]);
    world.often(0.21, &[10, 500]);
    while world.now < begin + 2 * STEP + AWAY {
        assert_eq!(world.allowed(), [0, 1]);
        world.often(0.0, &[10, 500]);
    }
    world.often(0.0, &[10, 500]);
    assert_eq!(world.allowed(), [1]);
}

#[test]
fn it_does_not_sit_where_very_many_packets_arrive() {
    let mut world = World::near();
    world.often(0.0, &[10, 20_000]);
    assert_eq!(world.allowed(), [0, 1]);
    world.often(0.0, &[10, 20_000]);
    assert_eq!(world.allowed(), [0, 1]);
}

#[test]
fn at_rest_as_well_what_somebody_else_decided_counts() {
    let mut world = World::near();
    world.machine.clone().allow(&[0]).unwrap();
    world.often(0.0, &[500, 10]);
    world.often(0.0, &[10, 500]);
    world.often(0.0, &[10, 500]);
    assert_eq!(world.allowed(), [0]);
    // Given up at rest, it leaves the thread free.
    let world = World::near();
    let machine = world.machine.clone();
    drop(world);
    assert_eq!(machine.allowed().unwrap(), [0, 1]);
}
