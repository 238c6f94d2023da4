#!/usr/bin/env python3
"""The rules that a published version's descriptions have to keep, told independently of the code that writes them.

usage: version_rules.py DIR [--mutations]

Croissant 1.1 as its specification and reference reader have it, DataCite 4.5 as its JSON schema has it, the card's
front matter as Hugging Face reads it, index.csv against the record set and against what h5py reads in every data file.
Where the formats' own validators are installed (pip install mlcroissant datacite), they are asked as well.
With --mutations the descriptions are spoiled one by one, and each spoiling has to be noticed.
"""
import copy
import csv
import datetime
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys

import h5py
import numpy

CONTEXT = """@language @vocab arrayShape citeAs column conformsTo containedIn cr rai data dataType dct description
equivalentProperty examples extract field fileProperty fileObject fileSet format includes isArray isLiveDataset jsonPath
key md5 name parentField path recordSet references regex repeated replace samplingRate sc separator source subField
transform annotation excludes readLines sdVersion unArchive value""".split()
SCHEMA_ORG = """name description version license url creator publisher datePublished inLanguage keywords distribution
contentUrl contentSize encodingFormat sha256""".split()
CROISSANT_TYPES = {"sc:Integer", "sc:Float", "sc:Text", "sc:Boolean"}
RELATIONS = {"IsDerivedFrom", "References", "IsNewVersionOf", "IsDocumentedBy"}
DATACITE = """doi types creators titles publisher publicationYear subjects contributors dates language
alternateIdentifiers relatedIdentifiers relatedItems sizes formats version rightsList descriptions geoLocations
fundingReferences schemaVersion container""".split()


class Broken(Exception):
    pass


def need(condition, *what):
    if not condition:
        raise Broken(" ".join(str(part) for part in what))


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def is_date(text):
    try:
        return datetime.date.fromisoformat(text) is not None
    except ValueError:
        return False


def properties(node):
    """Every key used as a property, at any depth, but for the context and raw JSON."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "@context":
                yield key
                yield from properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from properties(value)


def described(node):
    """Nodes that describe something: an @id beside other keys."""
    if isinstance(node, dict):
        if "@id" in node and len(node) > 1:
            yield node
        for value in node.values():
            yield from described(value)
    elif isinstance(node, list):
        for value in node:
            yield from described(value)


def check_file(directory, file):
    for key in ("@type", "@id", "name", "contentUrl", "encodingFormat", "sha256", "contentSize", "description"):
        need(file.get(key), file.get("@id"), "has no", key)
    need(file["@type"] == "cr:FileObject", file["@type"], "in the distribution")
    need(re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", file["encodingFormat"]), file["encodingFormat"], "is no media type")
    path = os.path.join(directory, file["contentUrl"])
    need(os.path.isfile(path), file["contentUrl"], "is not there")
    need(file["sha256"] == sha256(path), "sha256 of", file["contentUrl"])
    need(file["contentSize"] == f"{os.path.getsize(path)} B", "size of", file["contentUrl"])


def check_record_set(directory, record_set, files):
    need(record_set["@type"] == "cr:RecordSet" and record_set["name"], "a record set without type or name")
    columns = {}
    for field in record_set["field"]:
        need(field["@type"] == "cr:Field" and field["name"] and field["description"], "a field without its due")
        need(field["dataType"] in CROISSANT_TYPES, field["dataType"], "is no data type")
        need(field["@id"].startswith(record_set["@id"] + "/"), field["@id"], "is not of its record set")
        source = field["source"]
        need(source["fileObject"]["@id"] in files, source["fileObject"], "is no file")
        need(files[source["fileObject"]["@id"]]["encodingFormat"] == "text/csv", "rows can be read from CSV alone")
        columns[source["extract"]["column"]] = field["dataType"]
    keys = [field["@id"] for field in record_set["field"]]
    need(len(set(keys)) == len(keys), "two fields of one name")
    need(record_set["key"]["@id"] in keys, "the key is no field")
    check_csv(os.path.join(directory, source["fileObject"]["@id"]), columns)


def check_csv(path, columns):
    with open(path, newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        need(header == list(columns), "the columns of index.csv are not the fields")
        for number, row in enumerate(rows):
            need(len(row) == len(header), "line", number + 2, "of index.csv has", len(row), "values")
            for name, value in zip(header, row):
                int(value) if columns[name] == "sc:Integer" else float(value)
            need(int(row[0]) == number, "the index of line", number + 2)


def check_croissant(directory, croissant):
    for key in ("@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "datePublished",
                "distribution", "version", "keywords", "citeAs", "recordSet", "publisher"):
        need(croissant.get(key), "croissant.json has no", key)
    context = croissant["@context"]
    need(not set(CONTEXT) - set(context), "the context lacks", set(CONTEXT) - set(context))
    need(croissant["@type"] == "sc:Dataset", "its type is", croissant["@type"])
    need(croissant["conformsTo"] == "http://mlcommons.org/croissant/1.1", "it conforms to", croissant["conformsTo"])
    need(re.fullmatch(r"\d+\.\d+\.\d+", croissant["version"]), "its version is", croissant["version"])
    need(is_date(croissant["datePublished"]), "its date is", croissant["datePublished"])
    need(croissant["license"].startswith("https://"), "its licence is no address")
    need(croissant["creator"]["@type"] in ("sc:Organization", "sc:Person") and croissant["creator"]["name"], "creator")
    need(croissant.get("isLiveDataset") is False, "isLiveDataset is not false")
    need(croissant["citeAs"].startswith("@") and croissant["citeAs"].count("{") == croissant["citeAs"].count("}"),
         "citeAs is no BibTeX")
    for key in properties(croissant):
        known = key.startswith("@") or key in context or key in SCHEMA_ORG
        need(known or key.split(":")[0] in context and ":" in key, "nothing defines the property", key)
    ids = [node["@id"] for node in described(croissant) if "@type" in node]
    need(len(set(ids)) == len(ids), "two nodes of one @id")
    for node in [croissant] + croissant["distribution"]:
        derived = node.get("prov:wasDerivedFrom", [])
        for origin in derived if isinstance(derived, list) else [derived]:
            need(origin["@id"] in ids or re.match(r"(urn|https):", origin["@id"]), origin, "leads nowhere")
            need(origin["@id"] != node.get("@id"), origin, "is derived from itself")
    files = {file["@id"]: file for file in croissant["distribution"]}
    for file in files.values():
        check_file(directory, file)
    for record_set in croissant["recordSet"]:
        check_record_set(directory, record_set, files)


def check_datacite(directory, datacite):
    for key in ("creators", "titles", "publisher", "publicationYear", "types", "schemaVersion", "version", "rightsList",
                "relatedIdentifiers", "sizes", "formats", "descriptions", "dates"):
        need(datacite.get(key), "datacite.json has no", key)
    need(not set(datacite) - set(DATACITE), "DataCite knows no", set(datacite) - set(DATACITE))
    need(datacite["schemaVersion"] == "http://datacite.org/schema/kernel-4", datacite["schemaVersion"])
    need(re.fullmatch(r"\d{4}", datacite["publicationYear"]), "year", datacite["publicationYear"])
    need(datacite["types"]["resourceTypeGeneral"] == "Dataset", datacite["types"])
    need(all(creator["name"] and creator["nameType"] in ("Organizational", "Personal")
             for creator in datacite["creators"]), "creators")
    need(isinstance(datacite["publisher"], dict) and datacite["publisher"]["name"], "4.5 has publishers as objects")
    need(all(title["title"] for title in datacite["titles"]), "titles")
    need(all(is_date(date["date"]) and date["dateType"] == "Issued" for date in datacite["dates"]), "dates")
    for entry in datacite["relatedIdentifiers"]:
        kind, value = entry["relatedIdentifierType"], entry["relatedIdentifier"]
        need(entry["relationType"] in RELATIONS, entry["relationType"])
        need(re.fullmatch(r"arXiv:\d{4}\.\d{5}", value) if kind == "arXiv" else
             kind == "URL" and value.startswith("https://"), kind, value)
    need(any(entry["relationType"] == "IsDerivedFrom" for entry in datacite["relatedIdentifiers"]), "derived from what?")
    need(all(right["rightsUri"].startswith("https://") for right in datacite["rightsList"]), "rights")
    for key in ("sizes", "formats", "titles", "rightsList"):
        texts = [json.dumps(item) for item in datacite[key]]
        need(len(set(texts)) == len(texts), key, "has an entry twice")
    need(all(text["description"] and text["descriptionType"] == "Abstract" for text in datacite["descriptions"]), "text")


def front_matter(card):
    """The little YAML that the card uses: key: value, lists of texts, and the configs."""
    need(card.startswith("---\n") and "\n---\n" in card[4:], "the card has no front matter")
    result, key = {}, None
    for line in card[4:card.index("\n---\n", 4)].split("\n"):
        if line.startswith("- config_name: "):
            result["configs"].append({"config_name": json.loads(line[15:])})
        elif line.startswith("  data_files: "):
            result["configs"][-1]["data_files"] = json.loads(line[14:])
        elif line.startswith("- "):
            result[key].append(line[2:])
        else:
            key, value = re.fullmatch(r"([a-z_]+):(?: (.*))?", line).groups()
            result[key] = [] if value is None else value
    return result


def check_card(directory, card):
    front = front_matter(card)
    need(re.fullmatch(r"[a-z0-9.-]+", front["license"]), "license", front["license"])
    need(json.loads(front["pretty_name"]) and front["tags"], "a name and tags")
    names = [config["config_name"] for config in front["configs"]]
    need(names and len(set(names)) == len(names), "configs", names)
    for config in front["configs"]:
        path = os.path.join(directory, config["data_files"])
        need(os.path.isfile(path), config["data_files"], "is not there")
        with h5py.File(path, "r") as file:
            images = file.get("images", file.get("imgs"))
            sizes = []
            file.visititems(lambda _, item: sizes.append(len(item)) if isinstance(item, h5py.Dataset) else None)
            need(set(sizes) == {len(images)}, "Hugging Face wants all rows on axis 0:", sizes)
            low, high = {"n<1K": (0, 1e3), "1K<n<10K": (1e3, 1e4), "10K<n<100K": (1e4, 1e5),
                         "100K<n<1M": (1e5, 1e6)}[front["size_categories"][0]]
            need(low <= len(images) < high, "size category of", len(images), "images")
    snippet = card.split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", snippet], cwd=directory, capture_output=True, text=True)
    need(done.returncode == 0, "the card's snippet fails:", done.stderr)
    for heading in ("Files", "Factors", "Loading", "Verification", "Evidence", "Checking and reproducing", "Citation"):
        need(f"\n## {heading}\n" in card, "the card has no section", heading)


def check_rows(directory, manifest):
    """Every data file, as plain h5py reads it, against index.csv."""
    with open(os.path.join(directory, "index.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    for entry in manifest["reproduces"]["files"]:
        names = [factor["name"] for factor in entry["factors"]]
        values = numpy.array([[float(row[name]) for name in names] for row in rows])
        levels = numpy.array([[int(row[name + "_level"]) for name in names] for row in rows])
        need((levels < [factor["size"] for factor in entry["factors"]]).all(), "a level beyond its factor")
        with h5py.File(os.path.join(directory, entry["path"]), "r") as file:
            images = file["images"] if "images" in file else file["imgs"]
            labels = file["labels"] if "labels" in file else file["latents/values"]
            need(images.dtype == numpy.uint8 and len(images) == entry["images"] == len(rows), "images of", entry["path"])
            need((labels[()] == values).all(), "labels of", entry["path"])
            need(images[()].any(), entry["path"], "is black")
            shape = list(images.shape[1:]) + [1] * (4 - images.ndim)
            need(shape == entry["shape"], "shape of", entry["path"])


def check_sums(directory):
    with open(os.path.join(directory, "SHA256SUMS")) as file:
        listed = [line.rstrip("\n").split("  ", 1)[1] for line in file]
    there = [os.path.relpath(os.path.join(root, name), directory) for root, _, names in os.walk(directory)
             for name in names]
    need(sorted(listed + ["SHA256SUMS"]) == sorted(set(there) - {"SHA256SUMS.sig"}), "SHA256SUMS lists", listed)
    need(listed == sorted(listed), "SHA256SUMS is not sorted")
    done = subprocess.run(["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"], cwd=directory)
    need(done.returncode == 0, "sha256sum -c")


def check_official(directory, datacite):
    """The verdict of the formats' own validators, of those that are there; neither is part of Debian."""
    try:
        import mlcroissant
    except ImportError:
        pass
    else:
        dataset = mlcroissant.Dataset(os.path.join(directory, "croissant.json"))  # raises on errors
        need(not dataset.metadata.issues.warnings, "mlcroissant warns:", dataset.metadata.issues.warnings)
        with open(os.path.join(directory, "index.csv"), newline="") as file:
            row = next(csv.DictReader(file))
        record = next(iter(dataset.records("images")))
        need({name.split("/")[1]: float(value) for name, value in record.items()} ==
             {name: float(value) for name, value in row.items()}, "mlcroissant reads another first row:", record)
    datacite_package = importlib.util.find_spec("datacite")  # its schema alone: the package is a client of their API
    if datacite_package and importlib.util.find_spec("jsonschema"):
        import jsonschema
        schema = os.path.join(datacite_package.submodule_search_locations[0], "schemas", "datacite-v4.5.json")
        with open(schema, encoding="utf-8") as file:
            jsonschema.validate(datacite, json.load(file))  # raises


def spoil(document, path, value):
    """A copy with the entry at `path` set, or gone where value is None."""
    copied = copy.deepcopy(document)
    node = copied
    for step in path[:-1]:
        node = node[step]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return copied


def noticed(check, *arguments):
    try:
        check(*arguments)
    except (Broken, KeyError, ValueError, IndexError, TypeError, AttributeError):
        return True
    return False


def check_mutations(directory, croissant, datacite, card):
    field = ["recordSet", 0, "field", 1]
    spoilings = [(["isLiveDataset"], True), (["conformsTo"], "http://mlcommons.org/croissant/1.0"), (["version"], "1"),
                 (["datePublished"], "yesterday"), (["citeAs"], "Somebody"), (["colour"], "red"),
                 (["distribution", 0, "sha256"], "0" * 64), (["distribution", 0, "contentUrl"], "data/none.h5"),
                 (["distribution", 0, "contentSize"], "1 B"), (["distribution", 1, "@id"], "index.csv"),
                 (["distribution", 1, "prov:wasDerivedFrom"], {"@id": "data/none.h5"}),
                 (field + ["source", "fileObject", "@id"], "none.csv"), (field + ["dataType"], "sc:Colour"),
                 (field + ["source", "fileObject", "@id"], "manifest.json"), (field + ["@id"], "images/index"),
                 (field + ["source", "extract", "column"], "none"), (["recordSet", 0, "key", "@id"], "images/none"),
                 (["@context", "citeAs"], None), (["creator"], {"@type": "sc:Colour", "name": "x"})]
    spoilings += [([key], None) for key in croissant if key not in ("inLanguage", "prov:wasDerivedFrom")]
    for path, value in spoilings:
        need(noticed(check_croissant, directory, spoil(croissant, path, value)), "not noticed:", path, value)
    spoilings = [(["colour"], "red"), (["publicationYear"], "20255"), (["publisher"], "a text"),
                 (["types", "resourceTypeGeneral"], "Colour"), (["relatedIdentifiers", 0, "relationType"], "Likes"),
                 (["relatedIdentifiers", 0, "relatedIdentifier"], "there"), (["dates", 0, "date"], "2025-13-01"),
                 (["creators"], []), (["schemaVersion"], "http://datacite.org/schema/kernel-3")]
    spoilings += [([key], None) for key in ("titles", "rightsList", "sizes", "formats", "descriptions")]
    for path, value in spoilings:
        need(noticed(check_datacite, directory, spoil(datacite, path, value)), "not noticed:", path, value)
    for old, new in (("---\n", ""), ("size_categories:\n- n<1K", "size_categories:\n- 1M<n<10M"), ("data/", "dat/"),
                     ("## Evidence", "## Feelings"), ("f[\"", "f[\"no"), ("license: ", "licence: ")):
        need(noticed(check_card, directory, card.replace(old, new)), "not noticed in the card:", old)


def main(directory, mutations):
    def read(name):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            return file.read()

    croissant, datacite, card = json.loads(read("croissant.json")), json.loads(read("datacite.json")), read("README.md")
    check_croissant(directory, croissant)
    check_datacite(directory, datacite)
    check_card(directory, card)
    check_rows(directory, json.loads(read("manifest.json")))
    check_sums(directory)
    check_official(directory, datacite)
    if mutations:
        check_mutations(directory, croissant, datacite, card)


if __name__ == "__main__":
    try:
        main(sys.argv[1], "--mutations" in sys.argv[2:])
    except Broken as broken:
        sys.exit(f"version_rules: {broken}")
