"""The schema: migrations in order, never edited after a release; add one by adding a function.

Tables are STRICT, ids are text outside and integers inside. Times are ISO 8601 in UTC, `heartbeat` is Unix seconds.
Trap: `executescript` commits what is open, so a migration runs its statements one by one.
Views call no function of ours: they work in plain sqlite3, sqlite-utils, Datasette and pandas. Example:
`select checkpoint, task, value, low, high, n, unparsed from v_board order by value desc`.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("bench")

_TABLES = (
    "create table meta (key text primary key, value text not null) strict",
    # -- what is ranked
    """create table checkpoints (
        id integer primary key, uid text not null unique, name text not null, kind text not null, path text,
        base text, base_path text, parts text not null, bytes integer, bytes_declared integer not null default 0,
        parameters integer, dtype text, quantization text, architecture text, context_tokens integer,
        stop_ids text not null, lineage text, added text not null) strict""",
    # a parent need not be in the store (a teacher behind an endpoint), so it is no foreign key
    """create table parents (
        child integer not null references checkpoints, parent text not null,
        role text not null check (role in ('base', 'teacher', 'adapter', 'merged')),
        primary key (child, parent, role)) strict""",
    # -- what is asked; `key` and `target` are the golds in force now
    """create table exams (
        id integer primary key, uid text not null unique, key text not null, task text not null,
        scorer text not null, metric text not null, card text not null, n integer not null, added text not null
        ) strict""",
    """create table samples (
        id integer primary key, exam integer not null references exams, position integer not null,
        uid text not null, subject text not null, categories text, cluster text not null, language text not null,
        question text not null, choices text, target text, fields text,
        unique (exam, position), unique (exam, uid)) strict""",
    # -- with what, where
    "create table environments (id integer primary key, sha text not null unique, versions text not null) strict",
    """create table engines (
        id integer primary key, uid text not null unique, name text not null, version text not null,
        dtype text not null, quantization text, device text not null, options text not null) strict""",
    """create table runs (
        id integer primary key, uid text not null unique, checkpoint integer not null references checkpoints,
        exam integer not null references exams, engine integer not null references engines,
        environment integer references environments, settings text not null, settings_sha text not null,
        form text not null check (form in ('raw', 'chat')), shots integer not null, attempt integer not null,
        repeats integer not null, expected integer not null, done integer not null default 0,
        status text not null check (status in ('running', 'done', 'interrupted', 'failed')),
        started text not null, finished text, heartbeat real, host text, pid integer) strict""",
    "create index runs_of_checkpoint on runs (checkpoint, exam)",
    "create index runs_of_exam on runs (exam)",
    """create table run_tags (
        run integer not null references runs, tag text not null, primary key (run, tag)) strict""",
    # -- what came back. A prompt is its prefix (another row: the solved examples of a subject) plus a deflated tail
    """create table prompts (
        id integer primary key, sha text not null unique, prefix integer references prompts, tail blob not null
        ) strict""",
    """create table responses (
        id integer primary key, run integer not null references runs, sample integer not null references samples,
        repeat integer not null, prompt integer references prompts, prompt_tokens integer, output_tokens integer,
        thinking_tokens integer, stop text not null check (stop in ('end', 'length', 'error')), seconds real,
        logprobs text, option_tokens text, greedy text, error text, notes text,
        unique (run, sample, repeat)) strict""",
    "create index responses_of_sample on responses (sample, run)",
    "create table text_dicts (id integer primary key, sha text not null unique, bytes blob not null) strict",
    # apart from the numbers, which a board reads four times faster without them; no row = both texts empty
    """create table response_texts (
        response integer primary key references responses, enc integer not null default 0,
        dict integer references text_dicts, text any not null, thinking any not null) strict""",
    # -- how it was graded. params = Exam.key when graded: a corrected gold grades anew beside the old scores
    """create table scorers (
        id integer primary key, name text not null, version any not null, params text not null,
        unique (name, version, params)) strict""",
    """create table scores (
        response integer not null references responses, scorer integer not null references scorers, value real,
        answer text, rule text not null, detail text,
        outcome text not null check (outcome in ('correct', 'wrong', 'unparsed', 'truncated', 'empty', 'error',
            'ungraded')),
        primary key (response, scorer)) strict, without rowid""",
    """create table run_scorers (
        run integer not null references runs, scorer integer not null references scorers,
        graded integer not null default 0, unparsed integer not null default 0, truncated integer not null default 0,
        primary key (run, scorer)) strict, without rowid""",
    # -- a cache over responses and scores, dropped in the transaction that adds one
    """create table results (
        run integer not null references runs, metric text not null, version integer not null, slice text not null,
        value real, low real, high real, n integer not null, method text not null,
        primary key (run, metric, version, slice)) strict, without rowid""",
    # -- what was concluded
    """create table overalls (
        checkpoint integer not null references checkpoints, profile text not null, runs text not null,
        value real, low real, high real, parts text not null, status text not null, at text not null,
        primary key (checkpoint, profile, runs)) strict""",
    """create table overlaps (
        train text not null, exam integer not null references exams, sample integer not null references samples,
        level text not null check (level in ('exact', 'near', 'partial', 'none')),
        primary key (train, exam, sample)) strict""",
    """create table ratings (
        rater text not null, item integer not null references responses, value real, at text not null,
        primary key (rater, item)) strict""",
    """create table verdicts (
        id integer primary key, at text not null, status text not null, exit_code integer not null,
        before text not null, after text not null, verdict text not null) strict""",
)

# The scorer whose grades count for a run: under the golds in force, the task's own before others, the one that
# graded most (a new version takes over when it is through, not at its first row), then the newest version.
_SCORING = """create view v_scoring as
    select g.run as run, g.scorer as scorer, g.graded as graded, g.unparsed as unparsed, g.truncated as truncated
    from run_scorers g
    where g.scorer = (
        select x.scorer from run_scorers x join scorers c on c.id = x.scorer join runs r on r.id = x.run
            join exams e on e.id = r.exam
        where x.run = g.run and c.params = e.key
        order by c.name = e.scorer desc, x.graded desc,
            case typeof(c.version) when 'integer' then c.version else 0 end desc, c.id desc
        limit 1)"""

_SAMPLES = """create view v_samples as
    select r.uid as run, c.name as checkpoint, e.task as task, s.uid as sample, s.subject as subject,
        p.repeat as repeat, coalesce(t.text, '') as text, x.answer as answer, s.target as target,
        x.value as value, x.outcome as outcome, p.output_tokens as output_tokens, p.stop as stop,
        s.position as position, s.question as question, coalesce(t.thinking, '') as thinking, x.rule as rule,
        p.prompt_tokens as prompt_tokens, p.seconds as seconds, c.uid as checkpoint_id, e.uid as exam
    from responses p join runs r on r.id = p.run join checkpoints c on c.id = r.checkpoint
        join exams e on e.id = r.exam join samples s on s.id = p.sample
        left join response_texts t on t.response = p.id left join v_scoring g on g.run = r.id
        left join scores x on x.response = p.id and x.scorer = g.scorer"""

_BOARD = """create view v_board as
    select r.uid as run, c.name as checkpoint, e.task as task, e.metric as metric, h.value as value, h.low as low,
        h.high as high, h.n as n, e.n as questions, r.heartbeat as heartbeat, coalesce(g.unparsed, 0) as unparsed, coalesce(g.truncated, 0) as truncated,
        i.value as micro, a.value as macro, r.form as form, r.shots as shots, r.settings as settings,
        r.status as status, r.done as done, r.expected as expected, coalesce(g.graded, 0) as graded,
        r.repeats as repeats, r.attempt as attempt, c.uid as checkpoint_id, c.kind as kind, c.bytes as bytes,
        c.parameters as parameters, e.uid as exam, r.settings_sha as settings_sha, n.name as engine,
        n.device as device, h.method as method, r.started as started, r.finished as finished,
        (select group_concat(tag, ' ') from (select tag from run_tags where run = r.id order by tag)) as tags
    from runs r join checkpoints c on c.id = r.checkpoint join exams e on e.id = r.exam
        join engines n on n.id = r.engine left join v_scoring g on g.run = r.id
        left join results h on h.run = r.id and h.metric = e.metric and h.slice = ''
        left join results i on i.run = r.id and i.metric = e.metric and i.slice = 'micro'
        left join results a on a.run = r.id and a.metric = e.metric and a.slice = 'macro'"""

# one line per checkpoint × exam × settings: a done attempt before a partial one, then the latest
_LATEST = """create view v_latest as
    select * from (
        select b.*, row_number() over (partition by checkpoint_id, exam, settings_sha
            order by status = 'done' desc, attempt desc, started desc, run) as place
        from v_board b)
    where place = 1"""

_HISTORY = """create view v_history as
    select checkpoint, task, metric, started, finished, value, low, high, n, status, attempt, engine, device, form,
        tags, run, checkpoint_id
    from v_board order by checkpoint, task, started"""

# the depth ends a circle, which a hand-written lineage file can hold
_LINEAGE = """create view v_lineage as
    with recursive up (checkpoint_id, ancestor, role, depth) as (
        select c.uid, p.parent, p.role, 1 from parents p join checkpoints c on c.id = p.child
        union
        select up.checkpoint_id, p.parent, p.role, up.depth + 1
        from up join checkpoints c on c.uid = up.ancestor join parents p on p.child = c.id where up.depth < 32)
    select c.name as checkpoint, up.role as role, a.name as ancestor, up.depth as depth,
        up.checkpoint_id as checkpoint_id, up.ancestor as ancestor_id
    from up join checkpoints c on c.uid = up.checkpoint_id left join checkpoints a on a.uid = up.ancestor"""


@MIGRATIONS()
def m001_tables(db: Database) -> None:
    for statement in _TABLES:
        db.execute(statement)


@MIGRATIONS()
def m002_views(db: Database) -> None:
    for statement in (_SCORING, _SAMPLES, _BOARD, _LATEST, _HISTORY, _LINEAGE):
        db.execute(statement)


@MIGRATIONS()
def m003_origin(db: Database) -> None:
    """Of a variant's question: the id of the question as it was before. The views name their columns and stay."""
    db.execute("alter table samples add column origin text not null default ''")


@MIGRATIONS()
def m004_speed(db: Database) -> None:
    """What the engine tells about itself: time to the first token of an answer, most memory held during a run."""
    db.execute("alter table responses add column first_token_seconds real")
    db.execute("alter table runs add column peak_bytes integer")


@MIGRATIONS()
def m005_composites(db: Database) -> None:
    """What a composite was made by: the text of its profile, and how well a judge of chains did on labelled ones."""
    db.execute("create table profiles (sha text primary key, name text not null, text text not null) strict")
    db.execute("create table judges (sha text primary key, name text not null, calibration text not null) strict")


@MIGRATIONS()
def m006_overlaps(db: Database) -> None:
    """Of a training file's overlap with a question: how much, by which row, and whether with the answer."""
    for column in ("coverage real", "longest integer", "renumbered integer", "answered integer", "line integer"):
        db.execute(f"alter table overlaps add column {column}")
    db.execute("create table train_files (sha text primary key, name text not null, rows integer not null) strict")


@MIGRATIONS()
def m007_notes(db: Database) -> None:
    """What somebody wrote beside runs, when they were asked or blessed; a checkpoint's own note lies in its lineage."""
    db.execute(
        """create table notes (
            id integer primary key, at text not null, kind text not null, text text not null, about text not null) strict"""
    )
    db.execute(
        """create table note_runs (
            note integer not null references notes, run integer not null references runs, primary key (note, run)
            ) strict, without rowid"""
    )
