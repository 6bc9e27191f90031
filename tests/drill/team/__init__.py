"""Tests of team work under drill."""
