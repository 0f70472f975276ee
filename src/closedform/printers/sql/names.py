"""What columns and shared values are called in SQL."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from closedform.printers.identifiers import identifier
from closedform.printers.sql.dialects import Dialect

RESERVED = frozenset(
    """
abs access accessible add all alter analyse analyze and anti any array as asc asensitive asin asof
asymmetric at atan audit authorization avg backup before begin between bigint binary bit blob
boolean both break browse bulk by call cascade case cast ceil change char character check checkpoint
close cluster clustered coalesce collate collation column columns comment commit compress compute
concurrently condition connect constraint contains continue convert cos count create cross cube
cume_dist current current_date current_role current_time current_timestamp current_user cursor data
database databases date day db deallocate dec decimal declare default deferrable delayed delete
dense_rank deny desc describe deterministic disk distinct distinctrow div do double drop dual dump
each else elseif empty enclosed end enum errlvl escape escaped except exclusive exec execute exists
exit exp explain external extract false fetch file final first first_value fixed float float4 float8
floor following for force foreign format freetext freeze from full fulltext function functions
generated get glob global grant group grouping grouping_id groups hash having high_priority holdlock
hour identified identity if ignore ilike immediate in increment index inf infile infinity initial
initially inner inout inputs insensitive insert int int2 int4 int8 integer intersect interval into
is isnull iterate join key keys kill lag lambda last last_value lateral lead leading leave left
level like limit linear lineno lines ln load local localtime localtimestamp lock log long longblob
longtext loop map match max maxextents maxvalue mediumblob mediumint mediumtext member merge
middleint min minus minute mlslabel mod mode modifies modify month nan national natural nchar new
noaudit nocheck nocompress nonclustered none not notnull nowait nth_value ntile null nullif number
numeric of off offline offset old on online only open option optionally or order out outer outfile
over overlaps overlay pctfree percent percent_rank pivot pivot_longer pivot_wider placing plan
position positional pow power precision prewhere primary print prior privileges proc procedure
public purge qualify raiserror range rank raw read reads readtext real reconfigure recursive
references regexp release rename repeat replace replication require resource restore restrict return
returning revoke right rlike rollback row rowcount rowguidcol rowid rownum rows rule sample save
schema schemas second select semi sensitive separator session session_user set setof settings
setuser share show shutdown sign similar sin size smallint some spatial specific sql sqlexception
sqlstate sqlwarning sqrt start starting statistics stored straight_join struct substring successful
sum summarize symmetric synonym sysdate system system_user t table tablesample tan tanh terminated
text textsize then time timestamp tinyblob tinyint tinytext to top trailing tran transaction treat
trigger trim true truncate try_cast tsequal tuple uid undo union unique unlock unnest unpack unpivot
unsigned update updatetext usage use user using utc_date utc_time utc_timestamp validate value
values varbinary varchar varchar2 varcharacter variadic varying verbose view virtual waitfor when
whenever where while window with within write writetext xmlattributes xmlconcat xmlelement xmlexists
xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable xor year year_month zerofill
""".split()  # noqa: SIM905
)
"""Words that mean something to one of the engines: no value is called so without quotes."""


def plain_names(names: Sequence[str], taken: Iterable[str], fallback: str) -> list[str]:
    """Return a name that needs no quotes for each, all different and in small letters."""
    used = {*RESERVED, *taken}
    found = []
    for i, name in enumerate(names):
        plain = identifier(name, f"{fallback}{i + 1}").lower()[:40].rstrip("_")
        found.append(_free(plain, used, 40))
    return found


def column_names(names: Sequence[str], dialect: Dialect) -> list[str]:
    """Return what columns of these names are called where the engine cannot have them all.

    Names that are empty, too long, or differ from an earlier one by capitals alone become others,
    and so do those that the engine does not take: BigQuery's are letters, digits and underscores.
    """
    used: set[str] = set()
    found = []
    for name in names:
        if _fits(name, dialect) and name.casefold() not in used:
            used.add(name.casefold())
            found.append(name)
        else:
            found.append("")
    for i, name in enumerate(names):
        if not found[i]:
            # 30: Oracle's limit once; and 63 bytes of PostgreSQL hold any suffix.
            found[i] = _free(identifier(name, f"x{i + 1}")[:30], used, 30)
    return found


def _fits(name: str, dialect: Dialect) -> bool:
    if not re.fullmatch(dialect.possible, name):
        return False
    size = len(name.encode("utf-8", "surrogatepass"))
    return 0 < size <= dialect.longest and "\0" not in name


def _free(name: str, used: set[str], longest: int) -> str:
    made, count = name, 1
    while made.casefold() in used:
        count += 1
        made = f"{name[: longest - 5]}_{count}"
    used.add(made.casefold())
    return made


def spelled_name(name: str, dialect: Dialect, quoted: bool) -> str:
    """Return a name as an identifier; bare where that is asked for and possible."""
    bare = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in RESERVED
    return name if bare and not quoted else dialect.quoted(name)


def legend(names: Sequence[str], columns: Collection[str], what: str) -> list[str]:
    """Return one sentence for each name that is called otherwise."""
    return [
        f"The {what} {name!r} is called {column!r} here."
        for name, column in zip(names, columns, strict=True)
        if name != column
    ]
