"""One upload by tuspy or aiotus. The argument says as JSON what to do."""

import asyncio
import io
import json
import sys


def tuspy(spec):
    from tusclient.client import TusClient
    from tusclient.storage.filestorage import FileStorage

    options = spec["options"]
    if "storage" in spec:
        options |= {"store_url": True, "url_storage": FileStorage(spec["storage"])}
    uploader = TusClient(spec["endpoint"]).uploader(
        spec["file"], retries=20, retry_delay=0, **options
    )
    begun_at = uploader.offset
    uploader.upload()
    return {"url": uploader.url, "begun_at": begun_at, "offset": uploader.offset}


async def aiotus(spec):
    import aiotus

    config = aiotus.RetryConfiguration(retry_attempts=20, max_retry_period_seconds=0)
    # A key without a value is None to aiotus.
    metadata = {key: value and value.encode() for key, value in spec["metadata"].items()}
    with open(spec["file"], "rb") as file:
        if "parts" in spec:
            content = file.read()
            size = -(-len(content) // spec["parts"])
            parts = [io.BytesIO(content[at : at + size]) for at in range(0, len(content), size)]
            url = await aiotus.upload_multiple(spec["endpoint"], parts, metadata, config=config)
        else:
            url = await aiotus.upload(
                spec["endpoint"], file, metadata, config=config, chunksize=spec["chunk"]
            )
    assert url is not None, "aiotus gave up"
    found = await aiotus.metadata(url, config=config)
    assert found == metadata, f"{found} came back for {metadata}"
    return {"url": str(url)}


def main():
    spec = json.loads(sys.argv[1])
    told = tuspy(spec) if spec["client"] == "tuspy" else asyncio.run(aiotus(spec))
    print(json.dumps(told))


main()
