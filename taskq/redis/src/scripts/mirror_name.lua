-- The name under which a message is mirrored.
--
-- KEYS  1 in-flight list
-- ARGV  1 message
-- Gives the name, or an empty string for what is not mirrored
return mirrored(KEYS[1], ARGV[1]) or ''
