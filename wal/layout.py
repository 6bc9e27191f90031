"""The names of what lies in a data directory."""

LOG_DIRECTORY = "log"
SNAPSHOT_DIRECTORY = "snapshots"
ARCHIVE_DIRECTORY = "archive"
TORN_DIRECTORY = "torn"
TEMPORARY_SUFFIX = ".tmp"
COMPACTION_PREFIX = "compaction-"
STAGING_DIRECTORY = "import.tmp"
