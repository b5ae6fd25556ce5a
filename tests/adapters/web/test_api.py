"""The read API, checked against its own OpenAPI document."""

import jsonschema
import pytest

from bot.adapters.web.api import SCHEMAS
from tests.adapters.web.test_pages import client, made  # noqa: F401 - fixtures


def fits(value: object, schema: str) -> None:
    jsonschema.validate(value, {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": SCHEMAS}})


async def test_papers_come_newest_first_with_how_many_there_are(client) -> None:  # noqa: F811
    found = (await client.get("/api/papers")).json()
    fits(found, "Papers")
    assert (found["total"], found["pages"]) == (4, 1)
    assert found["papers"][0]["date"] == "2026-09-18"
    assert found["papers"][0]["url"].endswith(f"/papers/{found['papers'][0]['id']}")


async def test_a_query_finds_papers_with_the_reasons(client) -> None:  # noqa: F811
    found = (await client.get("/api/papers?q=synthetic+data")).json()
    fits(found, "Papers")
    assert [paper["id"] for paper in found["papers"]] == ["arxiv:2509.14001"]
    assert found["papers"][0]["why"][0]["text"] == "synthetic data"


async def test_one_paper_by_any_of_its_names(client) -> None:  # noqa: F811
    for name in ("arxiv:2509.14001", "2509.14001"):
        fits((await client.get(f"/api/papers/{name}")).json(), "Paper")
    for name in ("arxiv:2509.99999", "nothing"):
        response = await client.get(f"/api/papers/{name}")
        assert response.status_code == 404
        fits(response.json(), "Error")


async def test_a_preview_says_what_the_page_says(client) -> None:  # noqa: F811
    preview = (await client.get("/api/preview?q=web+agent+AND+synthetic")).json()
    fits(preview, "Preview")
    assert (preview["found"], preview["papers_searched"]) == (1, 4)
    assert preview["hits"] == [{"date": "2026-09-10", "papers": 1}]
    assert [miss["missing"] for miss in preview["near_misses"]] == ["synthetic"]


@pytest.mark.parametrize("path", ["/api/papers?q=(x", "/api/preview?q=(x", "/api/preview"])
async def test_a_wrong_query_says_where(client, path) -> None:  # noqa: F811
    response = await client.get(path)
    assert response.status_code == 400
    fits(response.json(), "Error")


async def test_the_description_names_every_path_and_its_answers(client) -> None:  # noqa: F811
    document = (await client.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        response = await client.get(path.replace("{id}", "arxiv:2509.14001"), params={"q": "web"})
        assert str(response.status_code) in methods["get"]["responses"]
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)
