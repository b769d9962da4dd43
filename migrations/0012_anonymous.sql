-- How long leads are kept of whom nobody knows who they are, after they were there last; NULL: until they are erased.
ALTER TABLE sites ADD COLUMN anonymous_retention_days INTEGER;
