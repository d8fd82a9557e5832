/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.pml: two instances, one Redis and one client; every order in which it can go wrong. */

/* The bounds, given by tools/model.py (-D); docs/model.md says what each configuration covers. */
#ifndef EVENTS
#define EVENTS 2 /* at most 3 */
#endif
#ifndef OUTAGES
#define OUTAGES 1 /* a link is given up although Redis lives: frozen, slow, cut */
#endif
#ifndef KILLS
#define KILLS 0 /* Redis dies and comes back without some of its last entries */
#endif
#ifndef RESTARTS
#define RESTARTS 0 /* of an instance */
#endif
#ifndef MOVES
#define MOVES 1 /* the client loses its connection and resumes, here or there */
#endif
#ifndef RETRIES
#define RETRIES 0 /* event 1 has a given id and its publisher sends it again */
#endif
#ifndef FENCE
#define FENCE 0 /* the event that takes the client's authority away; 0: none does */
#endif
#ifndef HIDDEN
#define HIDDEN 0 /* an event the client may not see; 0: it may see all */
#endif
#ifndef STARTED
#define STARTED 1 /* 1: the run begins with both instances attached and the client live */
#endif

#define NONE 255
#define STALE 254 /* publish.lua: another generation or another epoch than that of the attach */
#define BIT(event) (1 << (event))

/* The check of place n: of all events up to there (a chain), or of the one event that is there. */
#ifdef FAULT_CHECK_ONE_ID
#define CHECK(at, n) ((n) == 0 -> 0 : at[n])
#else
#define CHECK(at, n)                                                                               \
    ((n) == 0 -> 0                                                                                 \
              : ((n) == 1 -> at[1]                                                                 \
                          : ((n) == 2 -> at[1] * 4 + at[2] : at[1] * 16 + at[2] * 4 + at[3])))
#endif

#define AWAY 0
#define LOSING 1    /* attach.lua showed a stream that lacks what we have */
#define RELOADING 2 /* the epoch is settled; what is common is still to be found */
#define ATTACHED 3  /* the follower reads */
#define READY 4     /* the n of the attach has been read */

#ifdef FAULT_DRAIN_BEFORE_CATCHUP
#define DRAINS_FROM ATTACHED
#else
#define DRAINS_FROM READY
#endif

/* Checked by publish.lua against the epoch of the attach. */
#ifdef FAULT_EPOCH_UNCHECKED
#define WRONG_EPOCH(i) false
#else
#define WRONG_EPOCH(i) (redis_epoch != epoch[i])
#endif

/* A position of an instance that has never met Redis says nothing to another one. */
/* What LOST_TAIL reloads does not know what was delivered alone. */
#ifdef FAULT_AHEAD_STAYS
#define AHEAD_RETRIES false
#else
#define AHEAD_RETRIES true
#endif

#ifdef FAULT_EPOCH_ZERO
#define NOTHING_KNOWN(i) false
#else
#define NOTHING_KNOWN(i) (c_epoch == 0 && epoch[i] == 0)
#endif

/* Who resumed is given the entries of the past too, by replay: it may have come while they are read. */
#ifdef FAULT_PAST_PASSES
#define REPLAYS_PAST false
#else
#define REPLAYS_PAST true
#endif

#define UNSENT 0
#define SENT 1

#define OFF 0
#define CATCHUP 1
#define LIVE 2

/* ---- Redis ---- */
bool redis_up = true;
byte stream[EVENTS + 1]; /* stream[n]: the event at n */
byte stream_n;
byte redis_epoch = 1, next_epoch = 2;
bool redis_fence;
byte fences_version;

/* A publish that is in a socket's buffer when its link is given up; old: the instance has attached
 * since, so that its generation is not the stored one. */
byte stuck[2];
bool stuck_old[2];

/* ---- the instances ---- */
bool up[2] = true;
byte link[2] = STARTED * READY;
bool cut[2];      /* Redis died: the command connection leads nowhere, whether noticed or not */
bool follower[2] = STARTED; /* the follower's connection leads to the Redis that lives now */
bool degraded[2] = !STARTED;
byte epoch[2] = STARTED;
byte head[2];
byte upto[2];
bool past[2]; /* the entries up to upto are history only */
bool settle[2];  /* attach.lua saw our epoch, so it is ours to replace */
byte upto_lost[2];
bool fence[2];
byte fences_seen[2];
typedef entries {
    byte at[EVENTS + 1];
    byte alone[EVENTS + 1];
};
entries log[2];
typedef items {
    byte event[EVENTS];
    byte alone[EVENTS];
    bool sent[EVENTS];
    byte count;
};
items outbox[2];
byte alone_serial[2];
byte flying[2];     /* the event of the batch in flight */
bool flying_ran[2]; /* Redis has run it */
byte flying_n[2];   /* 0: taken; STALE; else the place of the first, it is a DUPLICATE */

/* ---- the client: one is enough, since no client changes anything for another ---- */
byte at = (STARTED -> 0 : NONE); /* its instance */
byte mode = STARTED * LIVE;
bool ahead;
bool knows = STARTED; /* it has a position */
bool fresh = STARTED; /* this connection began without one */
byte c_epoch = STARTED, c_n, c_check;
byte cursor;
byte alone_from, alone_upto; /* given alone on this connection: alone_from < a <= alone_upto */
byte got;                    /* bits: on this connection */
byte have;                   /* bits: on any connection, or in the state it fetched afresh */

/* ---- what the run may still do, and what is true of it ---- */
byte outages = OUTAGES, kills = KILLS, restarts = RESTARTS, moves = MOVES, retries = RETRIES;
byte accepted;  /* events 1..accepted have been accepted by someone */
byte lost;      /* bits: gone with a tail of the stream after their instance had seen them there */
byte dead;      /* bits: gone with their instance */
byte i_, k_, n_, e_, c_;
bool b_;

#define VISIBLE(event) ((event) != HIDDEN)
/* Nothing is owed to one whose authority somebody has withdrawn. */
#define OWED(event) (VISIBLE(event) && !(FENCE && accepted >= FENCE))

inline resync()
{
    printf("client: closed, resync\n");
    at = NONE;
    mode = OFF;
    knows = false;
    ahead = false;
    got = 0;
    c_epoch = 0;
    c_n = 0;
    c_check = 0;
    cursor = 0;
    alone_from = 0;
    alone_upto = 0;
    fresh = false
}

/* An event goes out on the connection. n: its place; 0: alone. */
inline give(i, what, place)
{
    if
    :: VISIBLE(what) && !fence[i] ->
        printf("client gets %d at place %d from %d\n", what, place, i);
        assert(!(got & BIT(what))); /* no double */
        if
        :: FENCE && place ->
            k_ = 1;
            do
            :: k_ < place -> assert(log[i].at[k_] != FENCE); k_++ /* effect before news */
            :: else -> break
            od
        :: else
        fi;
        got = got | BIT(what);
        have = have | BIT(what)
    :: else
    fi
}

/* What the client's position says must be true of what it has. */
inline no_hole(i)
{
    k_ = 1;
    do
    :: k_ <= c_n && k_ <= head[i] && c_epoch == epoch[i] ->
        assert(!OWED(log[i].at[k_]) || (have & BIT(log[i].at[k_])));
        k_++
    :: else -> break
    od
}

inline position_is(i, place)
{
    c_epoch = epoch[i];
    c_n = place;
    c_check = CHECK(log[i].at, place);
    no_hole(i)
}

inline begin_live(i)
{
    mode = LIVE;
    printf("client is live\n");
    cursor = 0;
    k_ = 0;
    n_ = alone_serial[i];
    e_ = 0;
    do
    :: e_ < outbox[i].count ->
        if
        :: outbox[i].alone[e_] && (outbox[i].alone[e_] <= alone_from || outbox[i].alone[e_] > alone_upto) ->
            if
            :: outbox[i].alone[e_] <= n_ -> n_ = outbox[i].alone[e_] - 1
            :: else
            fi;
            give(i, outbox[i].event[e_], 0)
        :: else
        fi;
        e_++
    :: else -> break
    od;
#ifdef FAULT_ALONE_FROM
    alone_from = 0;
#else
    if
    :: alone_upto == 0 -> alone_from = n_
    :: else
    fi;
#endif
    alone_upto = 0
}

/* From live back into the replay, from the place the client asked for. */
inline back_to_catchup(i)
{
    printf("client: back to catch-up from %d\n", c_n);
    mode = CATCHUP;
    ahead = false;
    cursor = c_n;
#ifdef FAULT_NO_ALONE_UPTO
    alone_upto = 0
#else
    alone_upto = alone_serial[i]
#endif
}

/* The entry at head[i] has just been put into the history; past: history only. */
inline announce(i, is_past)
{
    if
    :: at == i && mode == LIVE && ahead && c_epoch != epoch[i] /* cannot be judged yet */
    :: at == i && mode == LIVE && ahead && c_epoch == epoch[i] ->
        if
        :: head[i] < c_n
        :: head[i] == c_n ->
            if
            :: CHECK(log[i].at, c_n) != c_check -> resync()
            :: else ->
                ahead = false;
                if
                :: is_past -> back_to_catchup(i)
                :: else -> no_hole(i)
                fi
            fi
        :: else -> assert(false)
        fi
    :: at == i && mode == LIVE && !ahead ->
        if
        :: is_past ->
            if
            :: fresh -> have = have | BIT(log[i].at[head[i]]); position_is(i, head[i])
            :: !fresh && REPLAYS_PAST -> back_to_catchup(i)
            :: else -> position_is(i, head[i])
            fi
        :: else ->
#ifndef FAULT_ALONE_AGAIN
            if
            :: log[i].alone[head[i]] == 0 -> give(i, log[i].at[head[i]], head[i])
            :: else
            fi
#else
            give(i, log[i].at[head[i]], head[i])
#endif
            position_is(i, head[i])
        fi
    :: else
    fi
}

inline outbox_remove(i, which)
{
    k_ = which;
    do
    :: k_ + 1 < outbox[i].count ->
        outbox[i].event[k_] = outbox[i].event[k_ + 1];
        outbox[i].alone[k_] = outbox[i].alone[k_ + 1];
        outbox[i].sent[k_] = outbox[i].sent[k_ + 1];
        k_++
    :: else -> break
    od;
    outbox[i].count--;
    outbox[i].event[outbox[i].count] = 0;
    outbox[i].alone[outbox[i].count] = 0;
    outbox[i].sent[outbox[i].count] = UNSENT;
    k_ = 0
}

inline outbox_find(i, what)
{
    c_ = 0;
    do
    :: c_ < outbox[i].count && outbox[i].event[c_] != what -> c_++
    :: else -> break
    od
}

inline deliver_alone(i)
{
    degraded[i] = true;
    c_ = 0;
    do
    :: c_ < outbox[i].count ->
        if
        :: outbox[i].alone[c_] == 0 ->
            alone_serial[i]++;
            outbox[i].alone[c_] = alone_serial[i];
            if
            :: at == i && mode == LIVE -> give(i, outbox[i].event[c_], 0)
            :: else
            fi
        :: else
        fi;
        c_++
    :: else -> break
    od;
    c_ = 0
}

/* Redis runs a publish. */
inline store(what)
{
    k_ = 1;
    do
    :: k_ <= stream_n && stream[k_] != what -> k_++
    :: else -> break
    od;
    if
    :: k_ <= stream_n ->
        assert(RETRIES && what == 1); /* nothing but a repeated given id comes twice */
        n_ = k_
    :: else ->
        stream_n++;
        stream[stream_n] = what;
        n_ = 0;
        if
        :: what == FENCE -> redis_fence = true
        :: else
        fi
    fi;
    k_ = 0
}

inline go_away(i)
{
    if
    :: flying[i] && !flying_ran[i] && !cut[i] && stuck[i] == 0 ->
        if
        :: stuck[i] = flying[i]; stuck_old[i] = false
        :: skip /* it never arrived */
        fi
    :: else
    fi;
    flying[i] = 0;
    flying_ran[i] = false;
    flying_n[i] = 0;
    link[i] = AWAY;
    printf("%d is away\n", i);
    cut[i] = false;
    follower[i] = false;
    settle[i] = false;
    upto[i] = 0;
    deliver_alone(i)
}

inline fences_exchange(i)
{
    if
    :: fence[i] && !redis_fence -> redis_fence = true; fences_version++
    :: else
    fi;
    if
    :: redis_fence -> fence[i] = true
    :: else
    fi;
    fences_seen[i] = fences_version
}

/* 4206: the client comes again with the position that it has. */
inline retry()
{
    printf("client: away, keeps its position\n");
    at = NONE;
    mode = OFF;
    ahead = false;
    got = 0;
    cursor = 0;
    alone_from = 0;
    alone_upto = 0;
    fresh = false
}

/* The hub gets another head; what the client has been shown stays common. old: the epoch so far,
 * 0 for STAND_FIRST. */
inline hub_rebase(i, old)
{
    if
    :: at == i && mode == LIVE && ahead && c_epoch != epoch[i] -> resync()
    :: at == i && mode == LIVE && ahead && c_epoch == epoch[i] ->
        if
        :: old != 0 && AHEAD_RETRIES -> retry()
        :: else ->
            if
            :: c_n > head[i]
            :: c_n <= head[i] && CHECK(log[i].at, c_n) != c_check -> resync()
            :: c_n <= head[i] && CHECK(log[i].at, c_n) == c_check -> back_to_catchup(i)
            fi
        fi
    :: at == i && mode == LIVE && !ahead -> position_is(i, head[i])
    :: at == i && mode == CATCHUP -> resync()
    :: else
    fi
}

active [2] proctype instance()
{
#define I _pid
end:
    do
    /* accept: an event that is new, or one whose publisher tries again */
    :: atomic {
        up[I] && (accepted < EVENTS || (retries > 0 && accepted >= 1)) ->
            if
            :: accepted < EVENTS -> accepted++; e_ = accepted
            :: retries > 0 && accepted >= 1 -> retries--; e_ = 1
            fi;
            printf("%d accepts %d\n", I, e_);
            outbox_find(I, e_);
            b_ = c_ < outbox[I].count;
#ifndef FAULT_NO_LOCAL_DEDUPE
            k_ = 1;
            do
            :: k_ <= head[I] -> b_ = b_ || log[I].at[k_] == e_; k_++
            :: else -> break
            od;
#endif
            if
            :: b_
            :: else ->
                outbox[I].event[outbox[I].count] = e_;
                outbox[I].count++;
                if
                :: e_ == FENCE -> fence[I] = true
                :: else
                fi;
                if
                :: degraded[I] -> deliver_alone(I)
                :: else
                fi
            fi;
            b_ = false; c_ = 0; k_ = 0; e_ = 0; n_ = 0
       }
    /* the deadline of something in the outbox passes */
    :: atomic {
        up[I] && !degraded[I] && outbox[I].count > 0 -> printf("%d: deadline\n", I); deliver_alone(I); k_ = 0
       }
    /* the next unsent item goes out */
    :: atomic {
        up[I] && link[I] >= DRAINS_FROM && flying[I] == 0 && outbox[I].count > 0 && !outbox[I].sent[outbox[I].count - 1] ->
            c_ = 0;
            do
            :: outbox[I].sent[c_] -> c_++
            :: else -> break
            od;
            outbox[I].sent[c_] = SENT;
            flying[I] = outbox[I].event[c_];
            printf("%d publishes %d\n", I, flying[I]);
            c_ = 0
       }
    /* Redis runs it */
    :: atomic {
        redis_up && !cut[I] && flying[I] && !flying_ran[I] ->
            printf("Redis runs %d of %d\n", flying[I], I);
            if
            :: WRONG_EPOCH(I) -> n_ = STALE
            :: else -> store(flying[I])
            fi;
            flying_ran[I] = true;
            flying_n[I] = n_;
            n_ = 0
       }
    /* its answer */
    :: atomic {
        up[I] && flying[I] && flying_ran[I] ->
            n_ = flying_n[I];
            outbox_find(I, flying[I]);
            b_ = n_ == STALE;
            printf("%d gets the answer to %d\n", I, flying[I]);
            flying[I] = 0;
            flying_ran[I] = false;
            flying_n[I] = 0;
#ifdef FAULT_DROP_DUPLICATE_EARLY
            if
            :: n_ && !b_ && c_ < outbox[I].count -> outbox_remove(I, c_)
            :: else
            fi;
#else
            if
            :: n_ && !b_ && c_ < outbox[I].count && n_ <= head[I] -> outbox_remove(I, c_)
            :: else /* it comes */
            fi;
#endif
            if
            :: b_ -> go_away(I)
            :: else
            fi;
            b_ = false; n_ = 0; c_ = 0; k_ = 0
       }
    /* on_entry */
    :: atomic {
        up[I] && link[I] >= ATTACHED && follower[I] && redis_up && head[I] < stream_n ->
            head[I]++;
            e_ = stream[head[I]];
            printf("%d reads %d at %d\n", I, e_, head[I]);
            log[I].at[head[I]] = e_;
            k_ = 1;
            do
            :: k_ <= head[I] -> assert(log[I].at[k_] == stream[k_]); k_++ /* one order for all */
            :: else -> break
            od;
            if
            :: e_ == FENCE -> fence[I] = true
            :: else
            fi;
            outbox_find(I, e_);
            if
            :: c_ < outbox[I].count ->
                log[I].alone[head[I]] = outbox[I].alone[c_];
                outbox_remove(I, c_)
            :: else
            fi;
            c_ = 0;
            b_ = past[I] && head[I] <= upto[I];
            announce(I, b_);
            b_ = false; e_ = 0; k_ = 0; n_ = 0
       }
    /* on_ready */
    :: atomic {
        up[I] && link[I] == ATTACHED && head[I] >= upto[I] ->
            link[I] = READY;
            printf("%d is ready\n", I);
            upto[I] = 0;
            past[I] = false;
            c_ = 0;
            do
            :: c_ < outbox[I].count ->
                /* with the seeded fault something may be in flight already */
                if
                :: outbox[I].event[c_] != flying[I] -> outbox[I].sent[c_] = UNSENT
                :: else
                fi;
                c_++
            :: else -> break
            od;
            c_ = 0
       }
    /* BUS_OK */
    :: atomic {
        up[I] && link[I] == READY && degraded[I] && outbox[I].count == 0 && !cut[I] ->
            degraded[I] = false;
            printf("%d is ok\n", I);
#ifndef FAULT_FOREIGN_STAYS
            if
            :: at == I && ahead && c_epoch != epoch[I] -> resync()
            :: else
            fi
#endif
       }
    /* while ok, an asked place that Redis does not have never existed */
    :: atomic {
#ifndef FAULT_AHEAD_FOR_EVER
        up[I] && link[I] == READY && !degraded[I] && !cut[I] && redis_up && redis_epoch == epoch[I] &&
            at == I && ahead && c_epoch == epoch[I] && c_n > stream_n ->
            resync()
#else
        false
#endif
       }
    /* a ping shows another epoch: attach again; another version of the fences: read them again */
    :: atomic {
#ifndef FAULT_BARE_PING
        up[I] && link[I] == READY && redis_up && !cut[I] && redis_epoch != epoch[I] -> go_away(I);
        k_ = 0; n_ = 0
#else
        false
#endif
       }
    :: atomic {
#ifndef FAULT_FENCES_READ_ONCE
        up[I] && link[I] == READY && redis_up && !cut[I] && fences_seen[I] != fences_version ->
            fences_exchange(I)
#else
        false
#endif
       }
    /* on_away: nobody answers in time, or the connection is broken */
    :: atomic {
        up[I] && link[I] != AWAY && (cut[I] || outages > 0) ->
            if
            :: cut[I]
            :: else -> outages--
            fi;
            go_away(I);
            k_ = 0; n_ = 0
       }
    /* attach */
    :: atomic {
        up[I] && link[I] == AWAY && redis_up ->
#ifndef FAULT_NO_GENERATION
            stuck_old[I] = stuck[I] != 0;
#endif
#ifndef FAULT_FOLLOWER_LATE
            follower[I] = true;
#endif
            printf("%d attaches: epoch %d n %d\n", I, redis_epoch, stream_n);
            if
            :: epoch[I] == 0 -> /* STAND_FIRST */
                epoch[I] = redis_epoch;
                upto[I] = stream_n;
                link[I] = ATTACHED;
                if
                :: stream_n > 0 -> past[I] = true
                :: past[I] = false
                fi;
                hub_rebase(I, 0);
                fences_exchange(I)
            :: epoch[I] != 0 &&
               (epoch[I] != redis_epoch || stream_n < head[I] ||
                CHECK(stream, head[I]) != CHECK(log[I].at, head[I])) ->
                link[I] = LOSING;
                settle[I] = epoch[I] == redis_epoch;
                upto[I] = stream_n
            :: else -> /* STAND_SAME */
                upto[I] = stream_n;
                link[I] = ATTACHED;
                fences_exchange(I)
            fi;
            k_ = 0; n_ = 0; e_ = 0
       }
#ifdef FAULT_FOLLOWER_LATE
    :: atomic { up[I] && link[I] >= ATTACHED && redis_up && !follower[I] -> follower[I] = true }
#endif
    /* STAND_LOST_TAIL: the epoch first, and only once */
    :: atomic {
        up[I] && link[I] == LOSING && redis_up && !cut[I] ->
            if
            :: settle[I] && redis_epoch == epoch[I] -> redis_epoch = next_epoch; next_epoch++
            :: else
            fi;
            printf("%d settles the epoch %d\n", I, redis_epoch);
            settle[I] = false;
            upto_lost[I] = redis_epoch;
            link[I] = RELOADING
       }
    /* then what is common, what is gone, and the fences */
    :: atomic {
        up[I] && link[I] == RELOADING && redis_up && !cut[I] ->
            n_ = head[I];
            do
            :: n_ > stream_n || CHECK(stream, n_) != CHECK(log[I].at, n_) -> n_--
            :: else -> break
            od;
            b_ = false;
            k_ = n_ + 1;
            do
            :: k_ <= head[I] -> b_ = b_ || VISIBLE(log[I].at[k_]); k_++ /* a fence does not unsee it */
            :: else -> break
            od;
            if
            :: at == I && !ahead && b_ -> resync() /* hub_gone: 4302 */
            :: else
            fi;
            k_ = n_ + 1;
            do
            :: k_ <= head[I] -> log[I].at[k_] = 0; log[I].alone[k_] = 0; k_++
            :: else -> break
            od;
#ifndef FAULT_KEEP_ALONE
            k_ = 1;
            do
            :: k_ <= n_ -> log[I].alone[k_] = 0; k_++
            :: else -> break
            od;
#endif
            head[I] = n_;
            epoch[I] = upto_lost[I];
            printf("%d reloads up to %d\n", I, n_);
            upto_lost[I] = 0;
            link[I] = ATTACHED;
            hub_rebase(I, 1);
            fences_exchange(I);
            b_ = false; k_ = 0; n_ = 0; e_ = 0
       }
    /* a stuck command runs after all, or the server drops it */
    :: atomic {
        redis_up && stuck[I] ->
            if
            :: stuck_old[I] /* STALE */
            :: else -> store(stuck[I]); n_ = 0
            fi;
            printf("stuck %d of %d runs or is stale\n", stuck[I], I);
            stuck[I] = 0;
            stuck_old[I] = false
       }
    /* the instance dies and starts again */
    :: atomic {
        up[I] && restarts > 0 ->
            restarts--;
            printf("%d dies and starts\n", I);
            go_away(I); /* what it had sent may arrive all the same */
            c_ = 0;
            do
            :: c_ < outbox[I].count ->
                dead = dead | BIT(outbox[I].event[c_]);
                outbox[I].event[c_] = 0; outbox[I].alone[c_] = 0; outbox[I].sent[c_] = 0; c_++
            :: else -> break
            od;
            outbox[I].count = 0;
            k_ = 1;
            do
            :: k_ <= head[I] -> log[I].at[k_] = 0; log[I].alone[k_] = 0; k_++
            :: else -> break
            od;
            head[I] = 0;
            epoch[I] = 0;
            alone_serial[I] = 0;
            fence[I] = false;
            fences_seen[I] = 0;
            past[I] = false;
            if
            :: at == I -> retry()
            :: else
            fi;
            c_ = 0; k_ = 0; n_ = 0; e_ = 0; b_ = false
       }
    od
}

active proctype redis()
{
end:
    do
    :: atomic {
        kills > 0 && redis_up ->
            kills--;
            redis_up = false;
            stuck[0] = 0; stuck[1] = 0; stuck_old[0] = false; stuck_old[1] = false;
            do
            :: stream_n > 0 ->
                /* whoever accepted it and saw it here will not send it again */
                e_ = stream[stream_n];
                outbox_find(0, e_);
                b_ = c_ < outbox[0].count;
                outbox_find(1, e_);
                if
                :: !b_ && c_ == outbox[1].count -> lost = lost | BIT(e_)
                :: else
                fi;
                if
                :: stream[stream_n] == FENCE -> redis_fence = false
                :: else
                fi;
                stream[stream_n] = 0;
                stream_n--
            :: break
            od;
            i_ = 0;
            do
            :: i_ < 2 ->
                cut[i_] = link[i_] != AWAY;
                follower[i_] = false;
                i_++
            :: else -> break
            od;
            printf("Redis dies, n is now %d\n", stream_n);
            i_ = 0; c_ = 0; e_ = 0; b_ = false
       }
    :: atomic { !redis_up -> redis_up = true; printf("Redis returns\n") }
    od
}

inline connect(i)
{
    printf("client connects to %d with %d, epoch %d n %d\n", i, knows, c_epoch, c_n);
    at = i;
    got = 0;
    alone_from = 0;
    alone_upto = 0;
    cursor = 0;
    if
    :: !knows || NOTHING_KNOWN(i) ->
        knows = true;
        fresh = true;
        ahead = false;
        k_ = 1;
        do
        :: k_ <= head[i] -> have = have | BIT(log[i].at[k_]); k_++
        :: else -> break
        od;
        begin_live(i);
        position_is(i, head[i])
    :: else ->
        fresh = false;
        if
        :: c_epoch == epoch[i] && c_n <= head[i] ->
            if
            :: CHECK(log[i].at, c_n) != c_check -> resync()
            :: else -> mode = CATCHUP; cursor = c_n
            fi
        :: c_epoch == epoch[i] && c_n > head[i] -> ahead = true; begin_live(i)
        :: c_epoch != epoch[i] && degraded[i] -> ahead = true; begin_live(i)
        :: else -> resync()
        fi
    fi
}

active proctype client()
{
end:
    do
    :: atomic {
        at == NONE && up[0] -> connect(0); k_ = 0; n_ = 0; e_ = 0
       }
    :: atomic {
        at == NONE && up[1] -> connect(1); k_ = 0; n_ = 0; e_ = 0
       }
    :: atomic { at != NONE && moves > 0 ->
        moves--; retry() }
    /* one entry of the replay */
    :: atomic {
        mode == CATCHUP && cursor < head[at] ->
            cursor++;
            if
            :: log[at].alone[cursor] > alone_from && log[at].alone[cursor] <= alone_upto
            :: else -> give(at, log[at].at[cursor], cursor)
            fi;
            position_is(at, cursor);
            k_ = 0
       }
    :: atomic { mode == CATCHUP && cursor == head[at] -> begin_live(at); k_ = 0; n_ = 0; e_ = 0 }
    od
}

/* Faults end at some time: nothing more goes wrong and nobody publishes. */
active proctype quiet()
{
    atomic {
        outages = 0; kills = 0; restarts = 0; moves = 0; retries = 0;
        i_ = accepted;
        do
        :: accepted < EVENTS -> accepted++; dead = dead | BIT(accepted)
        :: else -> break
        od;
        i_ = 0
    }
}

/* When nothing can move any more, everything must be well. */
active proctype at_the_end()
{
    timeout ->
    assert(redis_up);
    assert(link[0] == READY && link[1] == READY);
    assert(!degraded[0] && !degraded[1]);
    assert(epoch[0] == redis_epoch && epoch[1] == redis_epoch);
    assert(head[0] == stream_n && head[1] == stream_n);
    assert(outbox[0].count == 0 && outbox[1].count == 0);
    assert(fence[0] == fence[1] && fence[0] == redis_fence); /* who signs in anywhere is fenced */
    assert(at != NONE && mode == LIVE && !ahead && c_epoch == redis_epoch && c_n == stream_n);
    d_step {
        k_ = 1;
        do
        :: k_ <= stream_n ->
            assert(log[0].at[k_] == stream[k_] && log[1].at[k_] == stream[k_]);
            assert(!OWED(stream[k_]) || (have & BIT(stream[k_])));
            dead = dead | BIT(stream[k_]);
            k_++
        :: else -> break
        od;
        k_ = 1;
        do
        :: k_ <= accepted -> assert((dead | lost) & BIT(k_)); k_++
        :: else -> break
        od
    }
}
