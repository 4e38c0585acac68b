"""HTTP for robots and programs: JSON, problem documents, OpenAPI."""
