package retail

// countryCodes are the ISO 3166-1 alpha-2 codes of the country names in the data set. Customers with another name have no country:
// "Unspecified" and "European Community" are not countries, the "Channel Islands" are two (JE and GG), the "West Indies" many.
var countryCodes = map[string]string{
	"Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Bermuda": "BM", "Brazil": "BR",
	"Canada": "CA", "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE", "Finland": "FI",
	"France": "FR", "Germany": "DE", "Greece": "GR", "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL",
	"Italy": "IT", "Japan": "JP", "Korea": "KR", "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT",
	"Netherlands": "NL", "Nigeria": "NG", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "RSA": "ZA",
	"Saudi Arabia": "SA", "Singapore": "SG", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH",
	"Thailand": "TH", "USA": "US", "United Arab Emirates": "AE", "United Kingdom": "GB",
}
