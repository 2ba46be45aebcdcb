-- What language and time zone somebody wants the console in; without a choice the browser's and the desk's.
ALTER TABLE users ADD COLUMN language TEXT;
ALTER TABLE users ADD COLUMN time_zone TEXT;
