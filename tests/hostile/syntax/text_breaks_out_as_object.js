// The same in disguise.
}}); left = 1; ({{
