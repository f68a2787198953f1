package doctor

import (
	"strings"
	"testing"
)

func TestParseQCNL(t *testing.T) {
	for name, row := range map[string]struct{ text, pccs, says string }{
		"JSON":                {`{"pccs_url": "https://a/"}`, "https://a/", ""},
		"line comment":        {"{ // \"x\": {\n\"pccs_url\": \"https://a/\" }", "https://a/", ""},
		"block comment":       {"/* \n */ {\"pccs_url\": /**/ \"https://a/\"}", "https://a/", ""},
		"comment in a string": {`{"pccs_url": "https://a/*b*/\"//c"}`, `https://a/*b*/"//c`, ""},
		"open comment":        {`{"pccs_url": "https://a/"} /* for ever`, "https://a/", ""},
		"KEY=VALUE":           {"# old\n\nPCCS_URL = https://a/ \nUSE_SECURE_CERT=FALSE", "https://a/", ""},
		"comma missing":       {"{\"pccs_url\": \"https://a/\"\n\"b\": 1}", "", "line 2"},
		"comma too many":      {"{\"pccs_url\": \"https://a/\",\n}", "", "line 2"},
		"wrong type":          {`{"pccs_url": 7}`, "", "pccs_url"},
		"cut":                 {`{"pccs_url": "https://a/`, "", "line 1"},
		"empty":               {"", "", "neither"},
		"a page":              {"<html>", "", "neither"},
	} {
		c, err := parseQCNL([]byte(row.text))
		if row.says != "" {
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %+v, %v", name, c, err)
			}
			continue
		}
		if err != nil || c.PCCS != row.pccs {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func FuzzParseQCNL(f *testing.F) {
	f.Add([]byte(`{"pccs_url": "https://a/" /* */}`))
	f.Add([]byte("PCCS_URL=a"))
	f.Add([]byte("{\"\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		c, err := parseQCNL(b)
		if (c == nil) == (err == nil) || string(b) != before {
			t.Errorf("%v, %v", c, err)
		}
		if len(blank(b)) != len(b) {
			t.Error("positions have moved")
		}
	})
}
