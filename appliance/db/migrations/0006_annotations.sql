-- 0006_annotations: annotations that were cut off when they were stored are read from the manifest again.

UPDATE manifests SET annotations = coalesce(json_extract(CAST(bytes AS TEXT), '$.annotations'), '')
	WHERE subject IS NOT NULL AND annotations <> '' AND NOT json_valid(annotations);
