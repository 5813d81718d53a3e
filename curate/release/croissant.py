"""What machines read of a release: Croissant 1.0 metadata with its vocabulary for responsible AI (`rai:`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.release.facts import Facts
from curate.release.index import Member
from manifests.columns import columns
from manifests.files import file_sha256
from manifests.tables import Footage, Rain, Scene, Segment, Withdrawal

CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
DESCRIPTION = (
    "Scenes filmed by a camera that stands still while it rains: in the frames of one scene only the rain differs, so that rain removal "
    "can be learnt without clean pictures (Cho et al. 2020)."
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TABLES: dict[str, type] = {
    "scenes": Scene,
    "footage": Footage,
    "segments": Segment,
    "rain": Rain,
    "index": Member,
    "withdrawals": Withdrawal,
}


def croissant(folder: Path, facts: Facts) -> dict[str, Any]:
    """The JSON-LD of a release whose tables and shards lie in the folder."""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "Time-lapse rain scenes",
        "description": DESCRIPTION,
        "conformsTo": CONFORMS_TO,
        "version": facts.version,
        "license": "LICENCES.md",
        "datePublished": facts.as_of,
        "url": "README.md",
        "citeAs": "See CITATION.cff",
        "keywords": ["rain removal", "time-lapse", "image restoration", "learning without ground truth"],
        "distribution": [
            *(_file(folder, f"{table}.parquet", "application/x-parquet") for table in _TABLES),
            *(_file(folder, shard, "application/x-tar") for shard in facts.shards),
        ],
        "recordSet": [_records(folder, table) for table in _TABLES],
        **_responsible(facts),
    }


def _file(folder: Path, name: str, encoding: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": encoding,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "sha256": file_sha256(folder / name),
    }


def _records(folder: Path, table: str) -> dict[str, Any]:
    """The record set of a Parquet table, a field a column."""
    file = f"{table}.parquet"
    meanings = {column.name: column.meaning for column in columns(_TABLES[table])}
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table}/{column.name}",
                "name": column.name,
                "description": meanings[column.name],
                "dataType": _data_type(column.type),
                "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
                **({"repeated": True} if pa.types.is_list(column.type) else {}),
            }
            for column in pq.read_schema(folder / file)
        ],
    }


def _data_type(kind: pa.DataType) -> str:
    kind = kind.value_type if pa.types.is_list(kind) else kind
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Date" if pa.types.is_timestamp(kind) else "sc:Text"


def _responsible(facts: Facts) -> dict[str, Any]:
    told_of = facts.scenes - len(facts.selection.pixels)
    told_by_others = any(source == "youtube" for source, _ in facts.sources)
    sources = ", ".join(f"{number} {source}" for source, number in facts.sources)
    return {
        "rai:dataCollection": f"Footage: {sources}. Spans in which camera and scene stand still and it rains were found by measurement.",
        "rai:dataCollectionType": ["Web Scraping" if source == "youtube" else "Others" for source, _ in facts.sources],
        "rai:dataCollectionTimeframe": [min(row.acquired_at for row in facts.selection.footage).date().isoformat(), facts.as_of],
        "rai:dataCollectionMissingData": f"{told_of} of {facts.scenes} scenes are told of without pixels.",
        "rai:dataPreprocessingProtocol": [
            "Frames are decoded upright, cut to the picture without bars, and kept as PNG without loss.",
            "The frames of a scene are those whose rain differs most, at least 0.1 s apart by default.",
        ],
        "rai:dataAnnotationProtocol": ["None by hand: orientation, length, width, cover and brightness of the rain are measured."],
        "rai:dataBiases": [
            "Only places where a camera stood still in visible rain; heavy and near-vertical rain is found more easily than drizzle.",
            *(["Footage that people upload leans towards scenic places, daylight and towns."] if told_by_others else []),
            *([f"{facts.simulated} of {facts.scenes} scenes are simulated: their rain is drawn, not filmed."] if facts.simulated else []),
        ],
        "rai:dataLimitations": [
            "There is no clean picture of any scene.",
            "Compressed video carries its codec's traces into the frames.",
            "Scenes of one place are recognised by likeness; strongly cropped copies may be taken for another place.",
        ],
        "rai:dataUseCases": ["Training and testing the removal of rain from pictures.", "Studies of how rain looks in video."],
        "rai:dataSocialImpact": "Better sight in rain for cameras of vehicles and weather stations, and also for surveillance.",
        "rai:personalSensitiveInformation": ["Passers-by and number plates may be seen in the footage; none was sought or annotated."],
        "rai:dataReleaseMaintenancePlan": "Versions never change; footage is taken down on request with a new version. See CHANGELOG.md.",
    }
