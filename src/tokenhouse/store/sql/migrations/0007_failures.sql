-- Requests that failed are few, and operators look for them among many.

CREATE INDEX receipt_failed ON receipt (seq) WHERE outcome IN ('failed', 'crashed');
